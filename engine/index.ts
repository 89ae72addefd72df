// What `import ... from 'pipetrain'` gives: the tools to define a model, and the errors. Running is the command's
// business.
export * from './model/public.js';
