// The one door to TensorFlow.js: its public ops and its autodiff, with the banner about running in Node switched off,
// the gradients it lacks added, and functions that are wrong somewhere replaced. Everything else in the project imports
// TensorFlow.js from here.
import { enableProdMode } from '#tfjs';
import { replaceMethods } from './functions.js';
import { registerGradients } from './gradients.js';

// The only effect used: the "plain JavaScript backend" advice and the backend notices stay quiet. Numbers do not
// change.
enableProdMode();
registerGradients();
replaceMethods();

export * from '#tfjs';
// What is exported by name goes before what is exported by star.
export { conv2d } from './convolution.js';
export { cumprod, cumsum, divNoNan, euclideanNorm, logSumExp, norm } from './functions.js';
