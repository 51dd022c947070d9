// Makes docs/demo.svg: what a real run of `florin demo` prints, drawn as a terminal. `node e2e/picture.mjs` renews it. Of the
// working day some parts are shown whole; what is left out of the others is marked.
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { FLORIN_BIN, REPOSITORY_DIR } from "./lib/network.mjs";
import { until } from "./lib/wait.mjs";

const PULSES = 3;
const [CHAR_WIDTH, LINE_HEIGHT, MARGIN, BAR_HEIGHT] = [7.25, 17, 16, 30];
const DAY = ["A working day", "Florin demo"];
const SHOWN = /^(A working day|The banks clear|What the day came to)/;
const COMMAND = "$ cargo run --release -- demo";

const output = await record();
writeFileSync(path.join(REPOSITORY_DIR, "docs", "demo.svg"), draw([COMMAND, ...shortened(output)]));

/** Lines of a demo from its start to its stop. */
async function record() {
  const child = spawn(FLORIN_BIN, ["demo"], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes) => (text += bytes));
  const ended = new Promise((resolve) => child.once("close", resolve));
  await until(() => (text.match(/final in/g) ?? []).length >= PULSES, { what: `${PULSES} pulses`, timeoutMs: 120_000, onTimeout: () => text });
  child.kill("SIGINT");
  await ended;
  return text.replaceAll(FLORIN_BIN, "florin").trimEnd().split("\n").map((line) => line.trimEnd());
}

/** The lines without those parts of the day that are too long for a picture. A part begins with a line at the margin. */
function shortened(lines) {
  const [begin, end] = DAY.map((text) => lines.findIndex((line) => line.startsWith(text)));
  const isHeading = (line) => line !== "" && !line.startsWith(" ");
  let shown = true;
  return lines.flatMap((line, n) => {
    if (n < begin || n >= end || line === "") return [line];
    if (isHeading(line)) {
      shown = SHOWN.test(line);
      return shown ? [line] : [line, "  […]"];
    }
    return shown ? [line] : [];
  });
}

function draw(lines) {
  const columns = Math.max(...lines.map((line) => line.length));
  const width = Math.ceil(columns * CHAR_WIDTH + 2 * MARGIN);
  const height = BAR_HEIGHT + lines.length * LINE_HEIGHT + 2 * MARGIN;
  const escaped = (line) => line.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const rows = lines.map((line, n) => {
    const kind = line.startsWith("$") ? "typed" : /final in/.test(line) ? "pulse" : "plain";
    return `  <text class="${kind}" x="${MARGIN}" y="${BAR_HEIGHT + MARGIN + (n + 0.8) * LINE_HEIGHT}" xml:space="preserve">${escaped(line)}</text>`;
  });
  const buttons = ["#ff5f57", "#febc2e", "#28c840"].map((fill, n) => `  <circle cx="${20 + n * 20}" cy="15" r="6" fill="${fill}"/>`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Output of florin demo">`,
    "  <style>text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace } .plain { fill: #d4d7dd } .typed { fill: #ffffff; font-weight: 600 } .pulse { fill: #7ee2a8 }</style>",
    `  <rect width="${width}" height="${height}" rx="10" fill="#14171c"/>`,
    ...buttons,
    ...rows,
    "</svg>\n",
  ].join("\n");
}
