import { describe, expect, it } from 'vitest';
import { suggest } from '../../engine/core/suggest.js';

describe('suggest', () => {
  it('finds the name with the fewest changed letters', () => {
    expect(suggest('bathc', ['batch', 'patch'])).toBe('batch');
    expect(suggest('Layer', ['heads', 'layers', 'width'])).toBe('layers');
    expect(suggest('freez-interval', ['freeze-interval', 'freeze-max'])).toBe('freeze-interval');
  });

  it('stays silent where nothing is near', () => {
    expect(suggest('resnet', ['vit', 'bert', 'gpt'])).toBeNull();
    expect(suggest('a', ['bc'])).toBeNull();
    expect(suggest('x', ['y'])).toBeNull();
    expect(suggest('anything', [])).toBeNull();
  });
});
