// What a learning rate may be made of, without the rest of mathjs: its parser, and the functions and operators that learning-rate.ts allows.
import {
  absDependencies, addDependencies, andDependencies, cbrtDependencies, ceilDependencies, cosDependencies, divideDependencies,
  equalDependencies, expDependencies, floorDependencies, largerDependencies, largerEqDependencies, log10Dependencies, log2Dependencies,
  logDependencies, maxDependencies, minDependencies, modDependencies, multiplyDependencies, notDependencies, orDependencies,
  parseDependencies, powDependencies, roundDependencies, signDependencies, sinDependencies, smallerDependencies, smallerEqDependencies,
  sqrtDependencies, subtractDependencies, tanDependencies, tanhDependencies, unaryMinusDependencies, unaryPlusDependencies,
  unequalDependencies,
} from 'mathjs/number';

export { create } from 'mathjs/number';
export const parts = {
  absDependencies, addDependencies, andDependencies, cbrtDependencies, ceilDependencies, cosDependencies, divideDependencies,
  equalDependencies, expDependencies, floorDependencies, largerDependencies, largerEqDependencies, log10Dependencies, log2Dependencies,
  logDependencies, maxDependencies, minDependencies, modDependencies, multiplyDependencies, notDependencies, orDependencies,
  parseDependencies, powDependencies, roundDependencies, signDependencies, sinDependencies, smallerDependencies, smallerEqDependencies,
  sqrtDependencies, subtractDependencies, tanDependencies, tanhDependencies, unaryMinusDependencies, unaryPlusDependencies,
  unequalDependencies,
};
