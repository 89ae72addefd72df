// The one door to TensorFlow.js: its public ops and its autodiff, with the banner about running in Node switched off
// and the gradients it lacks added. Everything else in the project imports TensorFlow.js from here.
import { enableProdMode } from '#tfjs';
import { registerGradients } from './gradients.js';

// The only effect used: the "plain JavaScript backend" advice and the backend notices stay quiet. Numbers do not
// change.
enableProdMode();
registerGradients();

export * from '#tfjs';
