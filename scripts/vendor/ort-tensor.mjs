export { Tensor } from 'onnxruntime-common';
