// LearningRate: the learning rate of a run as a function of its progress, compiled from what the user wrote. It knows
// no optimizer. The text is parsed by mathjs and its tree checked against a list of what is allowed, so that an
// expression from a file can compute and nothing else.
import {
  type ConstantNode,
  create,
  type FunctionNode,
  type MathJsInstance,
  type MathNode,
  type OperatorNode,
  parts,
  type SymbolNode,
} from '#mathjs';
import { messageOf, UsageError } from '../core/errors.js';

export interface TrainingTime {
  /** Steps done, 0 at the first step. */
  readonly step: number;
  /** Steps of the run. */
  readonly steps: number;
  /** Epochs done; may be a fraction. */
  readonly epoch: number;
  /** Epochs of the run. */
  readonly epochs: number;
}

/** The rate at a point of the run; finite and at least 0. */
export type LearningRate = (at: TrainingTime) => number;

const VARIABLES = ['step', 'steps', 'epoch', 'epochs', 'progress', 'pi', 'e'] as const;
const FUNCTIONS = [
  'abs',
  'cbrt',
  'ceil',
  'cos',
  'exp',
  'floor',
  'log',
  'log10',
  'log2',
  'max',
  'min',
  'mod',
  'pow',
  'round',
  'sign',
  'sin',
  'sqrt',
  'tan',
  'tanh',
] as const;
const OPERATORS = [
  'add',
  'subtract',
  'multiply',
  'divide',
  'pow',
  'mod',
  'unaryMinus',
  'unaryPlus',
  'smaller',
  'smallerEq',
  'larger',
  'largerEq',
  'equal',
  'unequal',
  'and',
  'or',
  'not',
] as const;
/**
 * Functions of mathjs that reach beyond arithmetic. The check of the tree keeps them out already; without them a hole
 * in it would lead nowhere.
 */
const UNSAFE = [
  'createUnit',
  'evaluate',
  'parse',
  'compile',
  'parser',
  'simplify',
  'derivative',
  'resolve',
  'reviver',
  'import',
] as const;

const LONGEST = 500;
const HINT =
  `Allowed are numbers, ${VARIABLES.join(', ')}, + - * / ^ %, comparisons, and/or/not, a ? b : c, and ` +
  `${FUNCTIONS.join(', ')}.`;

const fail = (message: string, cause?: unknown): never => {
  throw new UsageError('PT_LR_EXPRESSION', message, HINT, cause === undefined ? undefined : { cause });
};

/** What a schedule leaves of the rate, by the share of the steps after the warm-up that is done, 0 to 1. */
export type RateShare = (progress: number) => number;

/**
 * Compiles a number or an expression of step, steps, epoch, epochs and progress (step / steps). `warmup` steps of
 * linear warm-up multiply it by min(1, (step + 1) / warmup); below 1, `warmup` is a share of all steps. `share`
 * multiplies it, too. Throws a UsageError (PT_LR_EXPRESSION) that names the part it does not allow; the function throws
 * one where the rate is not finite or is negative.
 */
export function compileLearningRate(expression: string, warmup: number, share?: RateShare): LearningRate {
  const evaluate = compileExpression(expression.trim());
  return (at) => {
    const value = evaluate(at);
    if (!isRate(value)) throw noRate(expression, String(value), at);
    const warmupSteps = warmup < 1 ? warmup * at.steps : warmup;
    const warm = value * (warmupSteps > 0 ? Math.min(1, (at.step + 1) / warmupSteps) : 1);
    if (share === undefined) return warm;
    const [done, all] = [at.step - warmupSteps, at.steps - warmupSteps];
    return warm * share(done > 0 && all > 0 ? Math.min(1, done / all) : 0);
  };
}

/** `steps` is NaN where the length of the run is not known yet. */
function noRate(expression: string, value: string, { step, steps, epoch }: TrainingTime): UsageError {
  const isConstant = learningRateVariables(expression).size === 0;
  const isKnown = Number.isFinite(steps);
  const place = isConstant ? '' : ` at step ${step}${isKnown ? ` of ${steps}` : ''} (epoch ${epoch})`;
  return new UsageError(
    'PT_LR_EXPRESSION',
    `the learning rate "${expression}" is ${value}${place}; it must be a finite number and at least 0`,
    isConstant
      ? 'Use a number of at least 0, such as 1e-3.'
      : `Change the expression so that it has a rate at every step${isKnown ? ` from 0 to ${steps - 1}` : ''}.`,
  );
}

/** The optimizers compute with 32 bits: what is finite only with 64 would be infinite there. */
const isRate = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(Math.fround(value)) && value >= 0;

function compileExpression(text: string): (at: TrainingTime) => unknown {
  if (text === '') return fail('the learning rate is empty');
  // Most numbers need no parser.
  if (/^\d+(\.\d*)?(e[+-]?\d+)?$/i.test(text)) return () => Number(text);
  const other = /\b0[xbo][\da-f]+/i.exec(text)?.[0];
  if (other !== undefined) return fail(`the learning rate "${text}" contains ${other}; numbers are decimal here`);
  if (text.length > LONGEST)
    return fail(`the learning rate is an expression of ${text.length} characters; at most ${LONGEST} are read`);
  let tree: MathNode;
  try {
    tree = loadParser()(text);
  } catch (error) {
    return fail(`the learning rate "${text}" cannot be read: ${messageOf(error)}`, error);
  }
  checkTree(tree, text);
  const code = tree.compile();
  return ({ step, steps, epoch, epochs }) => {
    const progress = steps > 0 ? step / steps : 0;
    try {
      return code.evaluate(
        new Map(Object.entries({ step, steps, epoch, epochs, progress, pi: Math.PI, e: Math.E })),
      ) as unknown;
    } catch (error) {
      // A function with too few or too many arguments, or with ones that it has no value for.
      return fail(`the learning rate "${text}" cannot be computed: ${messageOf(error).split('\n', 1)[0] ?? ''}`, error);
    }
  };
}

/** The variables that an expression depends on; none for a number. Throws as `compileLearningRate` does. */
export function learningRateVariables(expression: string): ReadonlySet<string> {
  const text = expression.trim();
  compileExpression(text);
  return new Set(VARIABLES.filter((name) => new RegExp(`\\b${name}\\b`).test(text)));
}

/**
 * The parser of a fresh mathjs that has little more than what is allowed, and whose unsafe functions are disabled all
 * the same.
 */
function loadParser(): (text: string) => MathNode {
  const math: MathJsInstance = create(parts);
  const parse = math.parse;
  const disabled = (): never => fail('the learning rate calls a function that is disabled');
  math.import(Object.fromEntries(UNSAFE.map((name) => [name, disabled])), { override: true });
  return parse;
}

const isOneOf = (list: readonly string[], name: string): boolean => list.includes(name);

/** Throws unless every node of the tree is arithmetic on allowed names. */
function checkTree(tree: MathNode, text: string): void {
  const refuse = (what: string): never => fail(`the learning rate "${text}" contains ${what}, which is not allowed`);
  const check = (node: MathNode): void => {
    switch (node.type) {
      case 'ConstantNode': {
        const { value } = node as ConstantNode;
        if (typeof value !== 'number' || !Number.isFinite(value))
          refuse(`the value ${JSON.stringify(value) ?? 'of an empty part'}`);
        return;
      }
      case 'SymbolNode': {
        const { name } = node as SymbolNode;
        if (!isOneOf(VARIABLES, name))
          refuse(isOneOf(FUNCTIONS, name) ? `the function "${name}" without its parentheses` : `the symbol "${name}"`);
        return;
      }
      case 'FunctionNode': {
        const { fn, args } = node as FunctionNode<MathNode>;
        if (fn.type !== 'SymbolNode') refuse(`a call of "${fn.toString()}"`);
        const { name } = fn as SymbolNode;
        if (!isOneOf(FUNCTIONS, name)) refuse(`the function "${name}"`);
        args.forEach(check);
        return;
      }
      case 'OperatorNode': {
        const { fn, op, args, implicit } = node as OperatorNode;
        // "1e-3 steps" would be a product, which nobody means.
        if (implicit) refuse(`"${node.toString()}", two values without an operator between them`);
        if (!isOneOf(OPERATORS, fn)) refuse(`the operator "${op}"`);
        (args as readonly MathNode[]).forEach(check);
        return;
      }
      case 'ParenthesisNode':
      case 'ConditionalNode':
      case 'RelationalNode':
        node.forEach((child) => {
          check(child);
        });
        return;
      default:
        refuse(KINDS.get(node.type) ?? `a ${node.type}`);
    }
  };
  check(tree);
}

const KINDS: ReadonlyMap<string, string> = new Map([
  ['AssignmentNode', 'an assignment'],
  ['FunctionAssignmentNode', 'a function definition'],
  ['AccessorNode', 'a property access'],
  ['BlockNode', 'more than one expression'],
  ['ArrayNode', 'a list'],
  ['ObjectNode', 'an object'],
  ['RangeNode', 'a range'],
]);
