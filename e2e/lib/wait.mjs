// Waiting with a bound: nothing here waits for ever, and a timeout says what it waited for.

/** Resolves after `ms`. */
export const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What `promise` gives, or null after `ms`. Leaves no timer behind that would keep the process alive. */
export async function within(promise, ms) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(() => resolve(null), ms)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Polls `probe` until it gives something truthy, and gives that back. */
export async function until(probe, { what, timeoutMs = 30_000, everyMs = 100, onTimeout = () => "" }) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}\n${onTimeout()}`);
    await delay(everyMs);
  }
}
