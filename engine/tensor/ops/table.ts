// The op table: every op that the project can trace, lower and run, by kernel name.
import { present } from '../../core/invariant.js';
import { fusedOps } from '../fused/definitions.js';
import { binaryOps } from './binary.js';
import { contractionOps } from './contraction.js';
import { creationOps } from './creation.js';
import type { OpDefinition } from './definition.js';
import { gatherOps } from './gather.js';
import { matmulOps } from './matmul.js';
import { reduceOps } from './reduce.js';
import { scatterOps } from './scatter.js';
import { shapeOps } from './shape.js';
import { sliceOps } from './slices.js';
import { transcendentalOps } from './transcendental.js';
import { unaryOps } from './unary.js';

/** All definitions by name. */
export const opTable: ReadonlyMap<string, OpDefinition> = new Map(
  [
    unaryOps,
    transcendentalOps,
    binaryOps,
    reduceOps,
    matmulOps,
    contractionOps,
    shapeOps,
    sliceOps,
    gatherOps,
    scatterOps,
    creationOps,
    fusedOps,
  ]
    .flat()
    .map((op) => [op.name, op]),
);

/** The definition of an op that is known to exist, because a trace recorded it. */
export const definitionOf = (name: string): OpDefinition => present(opTable.get(name), `the definition of op ${name}`);
