// Tree: the one fixed binary tree over the micro-batches of a global batch, by which gradients are summed. Node (level
// l, index i) covers micro-batches [i * 2^l, min((i + 1) * 2^l, G)); its value is left child + right child, or the left
// child alone where G cuts the right one off. Because the tree depends on G alone, the sum has the same bits for every
// split of the micro-batches over replicas. Pure indices: the arithmetic is in reduction.ts.
import { invariant, present } from '../core/invariant.js';

export interface TreeNode {
  readonly level: number;
  readonly index: number;
}

/** Level of the root over G micro-batches. */
export function rootLevel(G: number): number {
  return G <= 1 ? 0 : 32 - Math.clz32(G - 1);
}

/** Micro-batches [from, to) below a node. */
export function coverOf({ level, index }: TreeNode, G: number): { readonly from: number; readonly to: number } {
  return { from: index * 2 ** level, to: Math.min((index + 1) * 2 ** level, G) };
}

/**
 * The nodes that exactly cover [start, start + count), in order, as few as possible: from the left always the largest
 * subtree that fits. A subtree that G cuts short counts as complete, under its highest name.
 */
export function decompose(start: number, count: number, G: number): TreeNode[] {
  invariant(
    start >= 0 && count >= 1 && start + count <= G,
    () => `micro-batches [${start}, ${start + count}) are no part of ${G}`,
  );
  const end = start + count;
  const root = rootLevel(G);
  const nodes: TreeNode[] = [];
  for (let from = start; from < end;) {
    let level = 0;
    while (level < root && from % 2 ** (level + 1) === 0 && Math.min(from + 2 ** (level + 1), G) <= end) level++;
    const node = { level, index: from / 2 ** level };
    nodes.push(node);
    from = coverOf(node, G).to;
  }
  return nodes;
}

/**
 * What happens when a node arrives at the right end of a row of nodes: added to its left sibling, or renamed as its
 * parent, or nothing.
 */
export type Climb = 'add' | 'rename' | 'stay';

/** The step from `node` towards the root, given the node before it (undefined where there is none). */
export function climb(node: TreeNode, before: TreeNode | undefined, G: number): Climb {
  if (node.level >= rootLevel(G)) return 'stay';
  if (node.index % 2 === 1)
    return before !== undefined && before.level === node.level && before.index === node.index - 1 ? 'add' : 'stay';
  return (node.index + 1) * 2 ** node.level >= G ? 'rename' : 'stay';
}

export function parentOf({ level, index }: TreeNode): TreeNode {
  return { level: level + 1, index: index >> 1 };
}

/**
 * Buffers that accumulating [start, start + count) one by one needs at most at a time, the arriving gradient included.
 */
export function slotCount(start: number, count: number, G: number): number {
  const row: TreeNode[] = [];
  let most = 0;
  for (let micro = start; micro < start + count; micro++) {
    row.push({ level: 0, index: micro });
    most = Math.max(most, row.length);
    for (let move = climbTop(row, G); move !== 'stay'; move = climbTop(row, G)) applyToNames(row, move);
  }
  return most;
}

export function climbTop(row: readonly TreeNode[], G: number): Climb {
  const top = row[row.length - 1];
  return top === undefined ? 'stay' : climb(top, row[row.length - 2], G);
}

/** Replaces the last node (and its left sibling, where it was added to it) by their parent. */
export function applyToNames(row: TreeNode[], move: 'add' | 'rename'): void {
  const top = row.pop() as TreeNode;
  if (move === 'add') row.pop();
  row.push(parentOf(top));
}

/** One addition of a summation plan; a place is a node (0, 1, ...), a partial sum (-1, -2, ...) or the result. */
export interface Addition {
  readonly target: number;
  readonly left: number;
  readonly right: number;
}
/** The place of the last addition of a plan. */
export const RESULT = -Infinity;

/**
 * The additions that bring a row of nodes to the root, in tree order; `scratch` partial sums are needed at a time. The
 * last addition goes to the result; a target that is no result may be the left one of what is added.
 */
export function additionsOf(
  nodes: readonly TreeNode[],
  G: number,
): { readonly additions: readonly Addition[]; readonly scratch: number } {
  const additions: Addition[] = [];
  const row: TreeNode[] = [];
  const places: number[] = [];
  let scratch = 0;
  for (const [position, node] of nodes.entries()) {
    row.push(node);
    places.push(position);
    for (let move = climbTop(row, G); move !== 'stay'; move = climbTop(row, G)) {
      if (move === 'add') {
        const right = present(places.pop(), 'right place');
        const left = present(places.pop(), 'left place');
        // The place of a partial sum is its depth in the row, so a row of n nodes needs at most n of them.
        const target = -1 - places.length;
        scratch = Math.max(scratch, -target);
        additions.push({ target, left, right });
        places.push(target);
      }
      applyToNames(row, move);
    }
  }
  const root = row[0];
  invariant(
    row.length === 1 && root?.level === rootLevel(G) && root.index === 0,
    () => `${nodes.length} nodes do not cover ${G} micro-batches: ${JSON.stringify(nodes)}`,
  );
  const last = additions.pop();
  if (last !== undefined) additions.push({ ...last, target: RESULT });
  return { additions, scratch };
}
