// Lint rules: type-checked, because a promise nobody waits for is a worker nobody misses.
import importSort from 'eslint-plugin-simple-import-sort';
import tseslint from 'typescript-eslint';

const noDefaultExport = { selector: 'ExportDefaultDeclaration', message: 'Export by name.' };

const SOURCES = ['engine', 'freeze', 'pipeline', 'cache', 'cli'].map((folder) => `${folder}/**/*.ts`);

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'runs/', '**/runs/'] },
  {
    files: ['**/*.ts', 'scripts/**/*.mjs', 'bench/**/*.mjs'],
    ignores: ['examples/**'],
    extends: [tseslint.configs.recommendedTypeChecked],
    plugins: { 'import-sort': importSort },
    languageOptions: { parserOptions: { project: './tsconfig.test.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Node, then packages, then our own from far to near, without blank lines between them.
      'import-sort/imports': ['error', { groups: [['^node:', '^@?\\w', '^#', '^\\.']] }],
      'import-sort/exports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // Handlers of timers and events are called with what TypeScript says they are.
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        {
          argsIgnorePattern: '^_',
          varsIgnorePattern: '^_',
          destructuredArrayIgnorePattern: '^_',
          ignoreRestSiblings: true,
        },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowNever: true },
      ],
      // `== null` is both null and undefined, and says so.
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-restricted-syntax': ['error', noDefaultExport],
    },
  },
  {
    // A function that does not fit a screen, or whose ways nobody can count, is several. A switch counts as one way: a
    // row per kind is no complexity.
    files: SOURCES,
    rules: {
      complexity: ['error', { max: 15, variant: 'modified' }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 6],
      'max-depth': ['error', 4],
      'max-nested-callbacks': ['error', 3],
    },
  },
  {
    // Machine code is written in the order in which it runs, and an encoding has as many parts as the manual says.
    files: ['engine/tensor/jit/*.ts', 'engine/tensor/x86/*.ts'],
    rules: {
      complexity: ['error', { max: 20, variant: 'modified' }],
      'max-lines-per-function': ['error', { max: 90, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    // The callback of a describe holds all its tests.
    files: ['test/**/*.ts'],
    rules: {
      complexity: ['error', { max: 15, variant: 'modified' }],
      'max-params': ['error', 6],
      'max-depth': ['error', 4],
    },
  },
  {
    // Tests speak of tensors and events of every shape; a cast that could go is no defect there.
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-unnecessary-type-assertion': 'off', '@typescript-eslint/only-throw-error': 'off' },
  },
  {
    // vitest wants a default export; examples and benchmarks are not part of the project of tsconfig.test.json.
    files: ['vitest.config.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    files: ['examples/**/*.ts'],
    extends: [tseslint.configs.base, tseslint.configs.disableTypeChecked],
    languageOptions: { parserOptions: { project: null } },
  },
);
