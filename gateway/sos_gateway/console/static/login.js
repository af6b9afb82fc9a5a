// Log-in: asks the API for a session and goes to the desk. The click also lets the desk make a sound.
const form = document.getElementById("login");
const trouble = document.getElementById("trouble");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  trouble.textContent = "";
  const said = { name: form.elements.name.value, password: form.elements.password.value };
  const answer = await fetch("/api/login", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(said),
  }).catch(() => null);
  if (answer && answer.ok) {
    location.href = "/" + location.search;
    return;
  }
  trouble.textContent = answer && answer.status === 401 ? trouble.dataset.wrong : (answer ? (await answer.json()).detail : trouble.dataset.wrong);
  form.elements.password.select();
});
