// What strangers leave in the shared memory of a host before a run comes: folders of another user, a pipe where a file
// is expected, links that lead elsewhere, a folder that a living process of another name space uses. A shell plants
// them on the host itself and tells afterwards whether all are as they were, and what else is there.
const PIPE = 'pipetrain-4194301-aaaaaaa1';
const CLOSED = 'pipetrain-4194302-aaaaaaa2';
const LINKED = 'pipetrain-4194303-aaaaaaa3';
const ENDLESS = 'pipetrain-4194304-aaaaaaa4';
const ALL = [PIPE, CLOSED, LINKED, ENDLESS];

const PLANT = `cd /dev/shm || exit 99
mkdir -m 755 ${PIPE} && mkfifo ${PIPE}/probe
mkdir -m 700 ${CLOSED} && echo secret > ${CLOSED}/probe
mkdir -m 755 ${ENDLESS} && ln -s /dev/zero ${ENDLESS}/probe
ln -s /dev/shm ${LINKED} && echo precious > precious && cd / || exit 99`;
const EXPECTED = [...ALL, 'precious', 'precious', 'secret'];

/**
 * A shell script: plants the leftovers as root, runs its arguments as the user `uid`, and writes what it finds then
 * into the file `report`.
 * @param {{ uid: number, report: string, hasLeftovers: boolean, isOutputFull: boolean }} siege
 */
export const besiegedShell = ({ uid, report, hasLeftovers, isOutputFull }) => `
chmod 1777 /dev/shm
${hasLeftovers ? PLANT : ''}
setpriv --reuid=${uid} --regid=${uid} --clear-groups --inh-caps=-all "$@" ${isOutputFull ? '> /dev/full' : ''}
code=$?
ls /dev/shm > ${report}
${hasLeftovers ? `cat /dev/shm/precious /dev/shm/${CLOSED}/probe` : `echo '${EXPECTED.join('\n')}'`} >> ${report}
exit $code
`;

/**
 * What is wrong in that report.
 * @param {string} report
 */
export function changesIn(report) {
  const found = report.trim().split('\n');
  const gone = EXPECTED.filter((line) => !found.includes(line)).map((line) => `${line} of another user is gone`);
  const left = found.filter((line) => !EXPECTED.includes(line)).map((line) => `${line} is left in shared memory`);
  return [...gone, ...left];
}
