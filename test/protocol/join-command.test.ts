// The line that joins a run: what is in it must be all that a worker has to be told, and no more.
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type TrainConfigInput, trainConfigSchema } from '../../engine/core/config.js';
import { entranceOf } from '../../engine/protocol/entrance.js';
import { joinCommand, type JoinRequest } from '../../engine/protocol/join-command.js';

const entrance = entranceOf('wss://192.0.2.7:7000', { token: 'made-here', local: null, fingerprint: '4F:A0' });
const START = 'pipetrain worker --join wss://192.0.2.7:7000 --tls-fingerprint 4F:A0';

const line = (settings: Partial<TrainConfigInput> = {}, token: JoinRequest['token'] = 'made') =>
  joinCommand({
    entrance,
    token,
    config: trainConfigSchema.parse({ model: 'vit', data: 'synthetic:digits', ...settings }),
  });

describe('the command that joins', () => {
  it('has a token that was made in its environment, not among its arguments', () => {
    expect(line()).toEqual({ command: `PIPETRAIN_TOKEN=made-here ${START}`, places: null });
  });

  it('names the file of the token, and does not tell a token that somebody chose', () => {
    expect(line({}, { file: 'my token' }).command).toBe(`${START} --token-file '${resolve('my token')}'`);
    expect(line({}, 'told').command).toBe(`${START} --token-file FILE_WITH_THE_TOKEN`);
  });

  it('names what a worker is not told: files of the model and of the data, from every folder', () => {
    const { command, places } = line({ model: './my model.ts', data: "text:it's.txt", dataOptions: { sequence: 8 } });
    const text = resolve("it's.txt").replace("'", "'\\''");
    expect(command).toBe(
      `PIPETRAIN_TOKEN=made-here ${START} --model '${resolve('my model.ts')}' --data 'text:${text}'`,
    );
    expect(places).toBe('--model, --data');
  });

  it('names the folder of a pretrained model, and options that are paths', () => {
    const { command } = line({
      model: 'hf:bert',
      modelOptions: { table: './t.bin', layers: 2 },
      data: 'tsv:d',
      dataOptions: { vocab: 'v.txt', match: 'a/b' },
    });
    expect(command).toContain(` --model hf:${resolve('bert')} --model-options table=${resolve('t.bin')} `);
    expect(command).toContain(` --data tsv:${resolve('d')} --data-options vocab=${resolve('v.txt')},match=a/b`);
  });
});
