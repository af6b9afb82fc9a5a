// Turns the edges of the motor's pin into named patterns. The table is a copy of the firmware's, compared by a test.
export const PATTERNS = await (await fetch("/visitor/patterns.json")).json();

// A pattern has ended when the motor has been still for longer than any gap inside one (120 ms).
const STILL_NS = 250e6;

const colourOf = (pattern) => pattern.colour.join("");
const nearest = (found, ms) => found.reduce((a, b) => (Math.abs(b[1].on_ms - ms) < Math.abs(a[1].on_ms - ms) ? b : a));
const length = (pulse) => (pulse.down - pulse.up) / 1e6;

function nameOf(run) {
  const found = Object.entries(PATTERNS).filter(([, p]) => colourOf(p) === run.colour && p.pulses === run.pulses.length);
  return found.length ? nearest(found, length(run.pulses[0]))[0] : "cut_short";
}

export class Motor {
  constructor(tell) {
    this.tell = tell; // tell(name, t_ns, pulses)
    this.run = null;
  }

  up(t, colour) {
    // The light changes before the first pulse: another colour is another pattern, which cut this one short.
    if (this.run && this.run.colour !== colour) this.end();
    this.still(t);
    this.run = this.run || { colour, pulses: [] };
    this.run.pulses.push({ up: t, down: null });
  }

  down(t) {
    const last = this.run?.pulses.at(-1);
    if (last && last.down === null) last.down = t;
  }

  still(now) {
    const last = this.run?.pulses.at(-1);
    if (last && last.down !== null && now - last.down >= STILL_NS) this.end();
  }

  end() {
    const run = this.run;
    this.run = null;
    run.pulses = run.pulses.filter((pulse) => pulse.down !== null);
    if (run.pulses.length) this.tell(nameOf(run), run.pulses[0].up, run);
  }
}
