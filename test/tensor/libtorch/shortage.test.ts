// A real PyTorch without memory left: what it says is understood. Skipped where none is installed, with the reason.
import { expect, it } from 'vitest';
import { openExecutorOf } from '../../../engine/tensor/open-executor.js';
import { errorOf } from '../../error-of.js';
import { obstacleTo } from '../obstacle.js';
import { Writer } from '../program-writer.js';

const reason = await obstacleTo('torch-cpu');

it.skipIf(reason !== null)(`says what it needed${reason === null ? '' : ` (skipped: ${reason})`}`, async () => {
  const executor = await openExecutorOf('torch-cpu', { threads: 1 });
  // 4 * 2^46 bytes: more than any machine maps.
  const writer = new Writer();
  const side = 2 ** 23;
  const row = writer.call('Tile', [writer.input('float32', [1, 1])], { reps: [1, side] });
  const square = writer.call('BatchMatMul', [writer.call('Transpose', [row], { perm: [1, 0] }), row], {
    transposeA: false,
    transposeB: false,
  });
  const program = executor.load(writer.program([writer.call('Sum', [square], { axis: [0, 1], keepDims: false })]));
  const bound = program.bind([new Float32Array(1)], [new Float32Array(1)]);
  const { code, message } = errorOf(() => bound.run());
  expect(code).toBe('PT_DEVICE_MEMORY');
  expect(message).toContain('in op BatchMatMul needs 281475.0 GB more than the device has');
  bound.free();
  program.free();
  executor.close();
});
