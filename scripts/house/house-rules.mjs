// HouseRules: which imports between rooms are allowed. Each function gives the broken ones as sentences that name the
// edge and the rule; an empty list is a house in order.
import { cyclesOf } from './import-graph.mjs';
import { roomOf } from './rooms.mjs';

/** @typedef {import('./import-graph.mjs').Import} Import */

/** @param {Import} edge */
const arrow = ({ from, target }) => `${from} -> ${target}`;

/**
 * Imports that do not run from a higher tier to a strictly lower one.
 * @param {readonly Import[]} imports
 * @returns {string[]}
 */
export function upwardImports(imports) {
  return imports.flatMap((edge) => {
    if (!edge.isOwn) return [];
    const from = roomOf(edge.from);
    const to = roomOf(edge.target);
    if (from === null || to === null)
      return [
        `${arrow(edge)}: ${from === null ? edge.from : edge.target} stands in no room of scripts/house/rooms.mjs`,
      ];
    if (from === to || from.tier > to.tier) return [];
    const kind = edge.isTypeOnly ? 'a type' : 'code';
    return [
      `${arrow(edge)}: imports ${kind} of ${to.folder} (tier ${to.tier}); ${from.folder} (tier ${from.tier}) ` +
        'may import from lower tiers only',
    ];
  });
}

/**
 * Imports between two rooms that must never know each other, whatever their tiers.
 * @param {readonly Import[]} imports
 * @param {readonly string[]} rooms
 * @returns {string[]}
 */
export function importsAmong(imports, rooms) {
  return imports.flatMap((edge) => {
    const from = roomOf(edge.from)?.folder ?? '';
    const to = edge.isOwn ? (roomOf(edge.target)?.folder ?? '') : '';
    return from !== to && rooms.includes(from) && rooms.includes(to)
      ? [`${arrow(edge)}: ${rooms.join(' and ')} never import each other`]
      : [];
  });
}

/**
 * Cycles of files, of types too.
 * @param {Iterable<string>} files
 * @param {readonly Import[]} imports
 * @returns {string[]}
 */
export function importCycles(files, imports) {
  const own = imports.filter(({ isOwn }) => isOwn);
  const next = new Map(
    [...files].map((file) => [file, own.filter(({ from }) => from === file).map(({ target }) => target)]),
  );
  return cyclesOf(next).map((cycle) => `${cycle}: imports form no cycle, not even of types`);
}

/**
 * Imports of packages outside their door. `mayType` are the files that may speak of their types.
 * @param {readonly Import[]} imports
 * @param {{ readonly packages: RegExp, readonly door: RegExp, readonly mayType?: RegExp }} rule
 * @returns {string[]}
 */
export function importsBesideDoor(imports, { packages, door, mayType }) {
  const isAllowed = (/** @type {Import} */ { from, isTypeOnly }) =>
    door.test(from) || (isTypeOnly && mayType?.test(from) === true);
  return imports
    .filter((edge) => !edge.isOwn && packages.test(edge.target) && !isAllowed(edge))
    .map((edge) => `${arrow(edge)}: only ${door.source} imports it`);
}
