// averaged: an update rule that also keeps a running mean of the weights that it makes, as a state of its own behind
// those of the rule. The mean starts at zero: after t updates it is too small by the factor 1 - decay^t.
import { requireBelowOne, type UpdateRule, writeRule } from '../update-rule.js';

export function averaged(rule: UpdateRule, decay: number): UpdateRule {
  requireBelowOne('ema', decay);
  const { vectors, scalars, operations } = rule.pass;
  // Behind the weight and the gradient.
  const states = [...vectors.slice(2), 'average'];
  const names = [...scalars, 'average_decay', 'average_rest'];
  return {
    ...writeRule(`${rule.model.name}-averaged`, states, names, (call) => {
      for (const { operator, result, inputs } of operations) call(operator, result, ...inputs);
      const kept = call('Mul', 'average_kept', 'average', 'average_decay');
      call('Add', 'new_average', kept, call('Mul', 'average_now', 'new_weight', 'average_rest'));
    }),
    scalars: (settings, decays) => [...rule.scalars(settings, decays), decay, 1 - decay],
  };
}
