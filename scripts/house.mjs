// Prints how large each room is and what is largest in it: `npm run house`, or `node scripts/house.mjs FOLDER` for
// another checkout, whose rooms are then its folders.
import { readSources } from './house/import-graph.mjs';
import { measureRooms } from './house/measures.mjs';
import { folderOf } from './house/rooms.mjs';

const root = process.argv[2] ?? '.';
const rooms = measureRooms(readSources(root), folderOf);

/** @type {(item: import('./house/measures.mjs').Largest) => string} */
const told = ({ name, file, size }) => (size === 0 ? '-' : `${size} ${name === '' ? file : `${name} (${file})`}`);

console.log('| room | files | lines | imports | longest line | longest file | longest function | most options |');
console.log('|-|-:|-:|-|-|-|-|-|');
for (const { folder, files, lines, imports, line, file, function: body, options } of rooms) {
  const longest = [line, file, body, options].map(told);
  console.log(`| ${[folder, files, lines, imports.join(' ') || '-', ...longest].join(' | ')} |`);
}
/** @type {(pick: (room: import('./house/measures.mjs').RoomMeasures) => number) => number} */
const total = (pick) => rooms.reduce((sum, room) => sum + pick(room), 0);
console.log(`\n${rooms.length} rooms, ${total(({ files }) => files)} files, ${total(({ lines }) => lines)} lines.`);
