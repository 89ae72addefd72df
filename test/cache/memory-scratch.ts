// Folders for stores, in the shared memory of this machine.
import { sharedMemoryFolder } from '../../engine/tensor/mapped-file.js';
import { scratch } from '../scratch.js';

export const memoryScratch = (): string => scratch(sharedMemoryFolder());
