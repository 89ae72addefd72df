// The formats in which a run can be written, by name.
import { Registry } from '../../../engine/core/registry.js';
import { csv } from './csv.js';
import type { ReportFormat } from './format.js';
import { json } from './json.js';
import { markdown } from './markdown.js';
import { tensorboard } from './tensorboard.js';

export const REPORT_FORMATS = new Registry<ReportFormat>('format', [csv, json, markdown, tensorboard]);
