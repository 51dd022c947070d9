// Waiting with a bound: nothing here waits for ever, and a timeout says what it waited for.

/** Resolves after `ms`. */
export const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

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
