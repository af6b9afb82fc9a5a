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
  // Refused (401) or not even a name (422): the same sentence, for a guesser learns nothing from it.
  trouble.textContent = answer && answer.status < 500 ? trouble.dataset.wrong : trouble.dataset.away;
  form.elements.password.select();
});
