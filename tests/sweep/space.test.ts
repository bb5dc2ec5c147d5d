import { expect, test } from 'vitest';
import { drawTrials, gridOf, parseDimension, toHyperparameters } from '../../src/sweep/space.ts';

const dimension = (name: string, text: string) => parseDimension(name, text, `--${name}`);

test('a grid is every combination, the last option changing fastest', () => {
  const grid = gridOf([dimension('model', 'a,b'), dimension('learning_rate', '1e-4, 0.001')]);
  expect(grid).toEqual([
    { model: 'a', learning_rate: 1e-4 },
    { model: 'a', learning_rate: 1e-3 },
    { model: 'b', learning_rate: 1e-4 },
    { model: 'b', learning_rate: 1e-3 },
  ]);
});

test('trials that would train alike are one: LoRA has a rank, other ways of training have none', () => {
  const grid = gridOf([dimension('train', 'lora,full,last_layers(2)'), dimension('lora_rank', '4,16')]);
  expect(grid).toEqual([
    { train: 'lora', lora_rank: 4 },
    { train: 'lora', lora_rank: 16 },
    { train: 'full' },
    { train: 'last_layers(2)' },
  ]);
});

test('words and lists become what a request has', () => {
  const [trial] = gridOf([dimension('rslora', 'true,false'), dimension('lora_targets', 'q_proj+v_proj')]);
  expect(toHyperparameters(trial!)).toEqual({ rslora: true, lora_targets: ['q_proj', 'v_proj'] });
});

test('a draw is the same for a seed, stays within ranges, spreads by factors, and repeats nothing', () => {
  const dimensions = [dimension('learning_rate', '1e-5..1e-1'), dimension('n_epochs', '1..3')];
  const trials = drawTrials(dimensions, 200, 7);
  expect(drawTrials(dimensions, 200, 7)).toEqual(trials);
  expect(drawTrials(dimensions, 200, 8)).not.toEqual(trials);
  expect(new Set(trials.map((trial) => JSON.stringify(trial))).size).toBe(200);
  const rates = trials.map((trial) => trial['learning_rate'] as number);
  expect(Math.min(...rates)).toBeGreaterThanOrEqual(1e-5);
  expect(Math.max(...rates)).toBeLessThanOrEqual(1e-1);
  // Half of the four powers of ten lie below 1e-3.
  expect(rates.filter((rate) => rate < 1e-3).length).toBeGreaterThan(80);
  expect(rates.filter((rate) => rate < 1e-3).length).toBeLessThan(120);
  const epochs = trials.map((trial) => trial['n_epochs']);
  for (const count of [1, 2, 3]) expect(epochs.filter((each) => each === count).length).toBeGreaterThan(40);
});

test('a draw of more than there is gives all there is, and of a whole range each number', () => {
  expect(drawTrials([dimension('lora_rank', '4,8')], 10, 1)).toEqual([{ lora_rank: 4 }, { lora_rank: 8 }]);
  const epochs = drawTrials([dimension('n_epochs', '1..3')], 10, 1).map((trial) => trial['n_epochs']);
  expect(new Set(epochs)).toEqual(new Set([1, 2, 3]));
});

test.each([
  ['learning_rate', '1e-3..1e-5', 'a range goes from a number to a greater one'],
  ['learning_rate', '0..1', 'must begin above 0'],
  ['learning_rate', 'fast..slow', 'a range goes from a number'],
  ['n_epochs', '1..2.5', 'whole numbers were expected'],
  ['lora_rank', '4,,8', 'values with commas between were expected'],
  ['lora_rank', '4,4', '4 stands there twice'],
])('%s %s is refused: %s', (name, text, message) => {
  expect(() => dimension(name, text)).toThrow(message);
});

test('a range has no grid, and a grid has an end', () => {
  expect(() => gridOf([dimension('learning_rate', '1e-5..1e-3')])).toThrow('--trials 12');
  const many = Array.from({ length: 40 }, (_, i) => i + 1).join(',');
  expect(() => gridOf([dimension('lora_rank', many), dimension('lora_alpha', many)])).toThrow('1600 combinations');
});
