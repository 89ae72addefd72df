// Decides what a finished test says about the backend: passed, failed, or excluded with a reason.

/** @typedef {import('./observer.mjs').Seen} Seen */
/** @typedef {{ file: string, name: string, reason: string }} Rule */

/**
 * @typedef {object} Verdict
 * @property {'passed' | 'failed' | 'excluded'} status
 * @property {string[]} ops That the test called.
 * @property {string} [reason] Why it is excluded.
 * @property {Rule} [rule] That excludes it.
 * @property {string[]} [failures]
 */

/**
 * Why a test says nothing about the op table, by what it asked of the backend; null where it does say something.
 * @param {string[] | null} failures
 * @param {Seen} seen
 */
function exclusionOf(failures, { ops, undefinedOps, dtypes, touched }) {
  if (failures === null) return 'switched off in TensorFlow.js itself';
  if (undefinedOps.size > 0) return `uses ${[...undefinedOps].sort().join(', ')}, which pipetrain does not define`;
  if (dtypes.size > 0)
    return `makes a tensor of ${[...dtypes].sort().join(', ')}; pipetrain has float32, int32 and bool`;
  if (failures.length === 0 && ops.size === 0 && touched.size === 0)
    return 'nothing reaches a backend (argument checks, pure functions)';
  return null;
}

/**
 * The result of one test. A test that expects some error and gets ours about an undefined op has not passed.
 * @param {string} file
 * @param {readonly string[]} names Of the suites around the test, and its own.
 * @param {string[] | null} failures Null where the test is switched off.
 * @param {Seen} events
 * @param {readonly Rule[]} rules
 * @returns {Verdict}
 */
export function verdict(file, names, failures, events, rules) {
  const ops = [...events.ops].sort();
  const reason = exclusionOf(failures, events);
  if (reason !== null || failures === null) return { status: 'excluded', ops, reason: reason ?? '' };
  if (failures.length === 0) return { status: 'passed', ops };
  const fullName = names.join(' > ');
  const rule = rules.find((r) => file === r.file && fullName.includes(r.name));
  if (rule !== undefined) return { status: 'excluded', ops, reason: `${file}, "${rule.name}": ${rule.reason}`, rule };
  return { status: 'failed', ops, failures };
}
