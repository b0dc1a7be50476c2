// Grades on their way to the server: kept in the browser until each is acknowledged, sent in order.

const RETRY_MS = 2000;

export class Outbox {
  // onState(state, waiting): "saved", "saving" or "offline"; onAnswer(result, event)
  constructor(name, onState, onAnswer) {
    this.prefix = `lenszoo-vet:${name}:`;
    this.onState = onState;
    this.onAnswer = onAnswer;
    this.sending = false;
    this.offline = false;
    this.events = this.left();
  }

  // Events that an earlier page, or another tab, could not send; sent twice they count once.
  left() {
    const names = Object.keys(localStorage).filter((name) => name.startsWith(this.prefix));
    const events = [];
    for (const name of names) {
      try {
        events.push(JSON.parse(localStorage.getItem(name)));
      } catch {
        localStorage.removeItem(name);
      }
    }
    return events.sort((a, b) => a.at - b.at);
  }

  add(grader, event) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    const request = Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
    const kept = { grader, event: { ...event, request }, at: performance.timeOrigin + performance.now() };
    this.events.push(kept);
    try {
      localStorage.setItem(this.prefix + request, JSON.stringify(kept));
    } catch {
      // a browser whose storage is full: the event is still in memory
    }
    if (this.offline) this.onState("offline", this.events.length);
    this.flush();
  }

  async flush() {
    if (this.sending) return;
    this.sending = true;
    while (this.events.length) {
      if (!this.offline) this.onState("saving", this.events.length);
      const { grader } = this.events[0];
      const last = this.events.findIndex((each) => each.grader !== grader);
      const batch = this.events.slice(0, Math.min(last < 0 ? this.events.length : last, 200));
      const answered = await this.send(grader, batch);
      this.offline = !answered;
      if (!answered) {
        this.onState("offline", this.events.length);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    this.sending = false;
    this.offline = false;
    this.onState("saved", 0);
  }

  // Returns whether at least one event was answered.
  async send(grader, batch) {
    let results;
    let status;
    try {
      const response = await fetch("/api/grades", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ grader, events: batch.map((each) => each.event) }),
      });
      status = response.status;
      results = (await response.json()).results;
    } catch {
      return false;
    }
    if (!results) {
      if (status !== 400) return false;
      results = batch.map((each) => ({ request: each.event.request, state: "refused" }));
    }
    let done = 0;
    for (const result of results) {
      if (result.state === "failed") {
        this.onAnswer(result, null);
        break;
      }
      this.onAnswer(result, batch[done].event);
      done += 1;
    }
    for (const { event } of this.events.splice(0, done))
      localStorage.removeItem(this.prefix + event.request);
    return done > 0;
  }
}
