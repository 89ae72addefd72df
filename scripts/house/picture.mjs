// The picture of the house: its rooms as rows of boxes, the highest tier on top, and the way of a run's data through
// them, from the command to its events. Drawn from the list of rooms and held against the imports; it reads no file.
import { roomOf, ROOMS } from './rooms.mjs';

/** @typedef {import('./import-graph.mjs').Import} Import */
/** @typedef {import('./rooms.mjs').Room} Room */

/**
 * The way from a command to its events, in rooms. Two that follow on each other are joined by an import in one
 * direction or the other.
 * @type {readonly { readonly room: string, readonly does: string }[]}
 */
export const WAY = [
  { room: 'cli/commands', does: 'a command line becomes settings' },
  { room: 'cli/session', does: 'a run is shown and may be stopped' },
  { room: 'engine/session', does: 'the run folder is opened; events will go there' },
  { room: 'engine/trainer', does: 'the run is launched; its loop asks for steps' },
  { room: 'engine/planning', does: 'who does what: a plan' },
  { room: 'engine/trainer', does: 'the plan is put into force' },
  { room: 'engine/coordinator', does: 'orders go out' },
  { room: 'engine/protocol', does: 'as messages' },
  { room: 'engine/worker', does: 'a worker takes its seat and runs its row of the grid' },
  { room: 'pipeline', does: 'actions, one stage and micro-batch each' },
  { room: 'engine/model', does: 'are programs of blocks' },
  { room: 'engine/tensor', does: 'that an executor runs' },
  { room: 'engine/comm', does: 'gradients are added in tree order' },
  { room: 'engine/dp', does: 'over all replicas' },
  { room: 'engine/worker', does: 'losses and norms are reported' },
  { room: 'engine/protocol', does: 'as messages' },
  { room: 'engine/coordinator', does: 'until all have reported' },
  { room: 'engine/trainer', does: 'the step is assembled and committed: workers update' },
  { room: 'engine/events', does: 'and told: one line of events.jsonl' },
  { room: 'engine/session', does: 'written and shown' },
];

const WIDTH = 1120;
const SIDE = 16;
const ROW = 66;
const BOX = 54;
const GAP = 10;
const TOP = 64;
/** Stops stand no farther to the right in their box, so that the way stays short. */
const REACH = 300;

const STYLE = [
  'text { font: 12px system-ui, sans-serif; fill: #16181d; }',
  '.page { fill: #ffffff; } .box { fill: #f3f5f8; stroke: #cfd4dc; } .on { fill: #e7eefc; stroke: #7ea0ea; }',
  '.name { font-weight: 650; font-size: 13px; } .soft { fill: #5c6370; font-size: 11px; }',
  '.title { font-size: 16px; font-weight: 650; } .way { fill: none; stroke: #2563eb; stroke-width: 1.6; ' +
    'opacity: 0.35; }',
  '.dot { fill: #2563eb; } .num { fill: #ffffff; font-size: 10px; font-weight: 650; text-anchor: middle; }',
  '@media (prefers-color-scheme: dark) { text { fill: #e8eaee; } .page { fill: #101216; }',
  '.box { fill: #1b1f26; stroke: #3a404b; } .on { fill: #1a2740; stroke: #4b6fc0; } .soft { fill: #9aa2b1; } }',
].join('\n');

/** @typedef {{ readonly room: Room, readonly x: number, readonly y: number, readonly width: number }} Box */

/**
 * Pairs of the way that no import joins, as sentences; empty where the picture is true.
 * @param {readonly Import[]} imports
 * @returns {string[]}
 */
export function untrueSteps(imports) {
  const edges = new Set(
    imports.flatMap(({ from, target, isOwn }) =>
      isOwn ? [`${roomOf(from)?.folder ?? ''} ${roomOf(target)?.folder ?? ''}`] : [],
    ),
  );
  return WAY.slice(1).flatMap(({ room }, i) => {
    const before = WAY[i]?.room ?? '';
    const isJoined = edges.has(`${before} ${room}`) || edges.has(`${room} ${before}`);
    return isJoined ? [] : [`the picture leads from ${before} to ${room}, but neither imports the other`];
  });
}

/**
 * The picture as SVG text.
 * @returns {string}
 */
export function drawHouse() {
  const boxes = placeBoxes();
  const legendTop = TOP + new Set(ROOMS.map(({ tier }) => tier)).size * ROW + 16;
  const height = legendTop + Math.ceil(WAY.length / 2) * 20 + 16;
  const stops = WAY.map(({ room }, i) => stopOf(boxes, room, i));
  const path = stops.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${x} ${y}`).join(' ');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" role="img"`,
    '  aria-label="The rooms of pipetrain by tier, and the way of a run through them">',
    `<style>${STYLE}</style>`,
    `<rect class="page" width="${WIDTH}" height="${height}"/>`,
    `<text class="title" x="${SIDE}" y="26">The rooms, and the way of a run through them</text>`,
    `<text class="soft" x="${SIDE}" y="46">A room imports from rows below its own only. Numbers: from the command to ` +
      'its events.</text>',
    ...boxes.map(drawFrame),
    `<path class="way" d="${path}"/>`,
    ...boxes.map(drawName),
    ...stops.map(({ x, y }, i) => drawStop(x, y, i + 1)),
    ...WAY.map(({ room, does }, i) => drawLegend(room, does, i, legendTop)),
    '</svg>',
    '',
  ].join('\n');
}

/** @returns {Box[]} */
function placeBoxes() {
  const tiers = [...new Set(ROOMS.map(({ tier }) => tier))].sort((a, b) => b - a);
  return tiers.flatMap((tier, row) => {
    const rooms = ROOMS.filter((room) => room.tier === tier);
    const width = (WIDTH - 2 * SIDE - GAP * (rooms.length - 1)) / rooms.length;
    return rooms.map((room, i) => ({ room, x: SIDE + i * (width + GAP), y: TOP + row * ROW, width }));
  });
}

/**
 * Several stops in one room stand side by side at its lower edge.
 * @param {readonly Box[]} boxes
 * @param {string} room
 * @param {number} index
 */
function stopOf(boxes, room, index) {
  const box = boxes.find((one) => one.room.folder === room);
  if (box === undefined) throw new Error(`the way leads through ${room}, which is no room`);
  const before = WAY.slice(0, index).filter((stop) => stop.room === room).length;
  return { x: Math.round(box.x + Math.min(box.width, REACH) - 14 - 24 * before), y: box.y + 13 };
}

/** @param {Box} box */
function drawFrame({ room, x, y, width }) {
  const isOn = WAY.some((stop) => stop.room === room.folder);
  const place = `x="${Math.round(x)}" y="${y}" width="${Math.round(width)}" height="${BOX}" rx="6"`;
  return `<rect class="box${isOn ? ' on' : ''}" ${place}/>`;
}

/** @param {Box} box */
function drawName({ room, x, y, width }) {
  const left = Math.round(x);
  const lines = wrapped(room.holds, Math.floor((width - 16) / 5.6));
  return [
    `<text class="name" x="${left + 8}" y="${y + 17}">${room.folder}</text>`,
    ...lines.map((line, i) => `<text class="soft" x="${left + 8}" y="${y + 32 + 13 * i}">${line}</text>`),
  ].join('\n');
}

/** @type {(x: number, y: number, number: number) => string} */
const drawStop = (x, y, number) =>
  `<circle class="dot" cx="${x}" cy="${y}" r="9"/><text class="num" x="${x}" y="${y + 3.5}">${number}</text>`;

/** @type {(room: string, does: string, index: number, top: number) => string} */
function drawLegend(room, does, index, top) {
  const rows = Math.ceil(WAY.length / 2);
  const x = SIDE + Math.floor(index / rows) * (WIDTH / 2);
  const y = top + (index % rows) * 20;
  return (
    `${drawStop(x + 9, y, index + 1)}<text x="${x + 26}" y="${y + 4}"><tspan class="name">${room}</tspan> ` +
    `${does}</text>`
  );
}

/**
 * Two lines at most.
 * @param {string} text
 * @param {number} width Characters.
 * @returns {string[]}
 */
function wrapped(text, width) {
  if (text.length <= width) return [text];
  const at = text.lastIndexOf(' ', width);
  return [text.slice(0, at), text.slice(at + 1)];
}
