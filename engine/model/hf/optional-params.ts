// OptionalParams: parameters that some models of a family have and others lack.
import type { ParamSpec } from '../block.js';

/**
 * Those that `make` gives, where they are there. What is not there is undefined in the forward: ask before it is read,
 * or hand it on to what takes undefined for nothing, as `nn.linear` does with its bias.
 */
export const paramsIf = <Name extends string>(
  isThere: boolean,
  make: () => Readonly<Record<Name, ParamSpec>>,
): Readonly<Record<Name, ParamSpec>> => (isThere ? make() : ({} as Readonly<Record<Name, ParamSpec>>));
