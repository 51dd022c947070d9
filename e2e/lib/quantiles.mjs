/** Times in milliseconds in words: how long it took in the middle, and almost always. */
export function quantiles(timesMs) {
  const sorted = [...timesMs].sort((one, other) => one - other);
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)];
  return sorted.length === 0 ? "never" : `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${sorted.at(-1)} ms`;
}
