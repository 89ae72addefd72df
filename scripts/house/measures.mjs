// Measures: how large a room is and its largest things: line, file, function, parameter object. Read with the
// TypeScript parser alone, so that any checkout can be measured. What may not grow is for ESLint and the tests.
import ts from 'typescript';
import { importsOf } from './import-graph.mjs';

/**
 * @typedef {object} Largest
 * @property {string} name
 * @property {string} file
 * @property {number} size
 */

/**
 * @typedef {object} RoomMeasures
 * @property {string} folder
 * @property {number} files
 * @property {number} lines
 * @property {readonly string[]} imports Other rooms, sorted.
 * @property {Largest} line In columns.
 * @property {Largest} file In lines.
 * @property {Largest} function In lines, from its first to its last.
 * @property {Largest} options In fields of its own: an interface whose object is written down where it is passed.
 */

/**
 * @param {ReadonlyMap<string, string>} textOf Texts by path from the root.
 * @param {(file: string) => string} folderOf The room of a file.
 * @returns {RoomMeasures[]} By folder.
 */
export function measureRooms(textOf, folderOf) {
  const sources = [...textOf].map(([file, text]) => ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  const passed = literalsPassed(sources);
  const folders = [...new Set([...textOf.keys()].map(folderOf))].sort();
  return folders.map((folder) => {
    const own = sources.filter(({ fileName }) => folderOf(fileName) === folder);
    const targets = own.flatMap(({ fileName, text }) => importsOf(fileName, text)).filter(({ isOwn }) => isOwn);
    const rooms = new Set(targets.map(({ target }) => folderOf(target)));
    rooms.delete(folder);
    return {
      folder,
      files: own.length,
      lines: own.reduce((total, { text }) => total + countLines(text), 0),
      imports: [...rooms].sort(),
      line: largest(own.flatMap(linesOf)),
      file: largest(own.map(({ fileName, text }) => ({ name: '', file: fileName, size: countLines(text) }))),
      function: largest(own.flatMap(functionsOf)),
      options: largest(own.flatMap(interfacesOf).filter(({ name }) => passed.has(name))),
    };
  });
}

/** @param {string} text */
const countLines = (text) => text.trimEnd().split('\n').length;

/**
 * @param {readonly Largest[]} items
 * @returns {Largest}
 */
const largest = (items) => items.reduce((a, b) => (b.size > a.size ? b : a), { name: '', file: '', size: 0 });

/**
 * @param {ts.SourceFile} source
 * @returns {Largest[]}
 */
const linesOf = ({ fileName, text }) =>
  text.split('\n').map((line, i) => ({ name: '', file: `${fileName}:${i + 1}`, size: line.length }));

/**
 * Functions with a body, methods and callbacks too; a function inside another counts for both.
 * @param {ts.SourceFile} source
 * @returns {Largest[]}
 */
export function functionsOf(source) {
  /** @type {Largest[]} */
  const found = [];
  /** @type {(node: ts.Node, around: string) => void} */
  const visit = (node, around) => {
    let name = around;
    if (ts.isClassLike(node)) name = node.name?.text ?? around;
    else if (isFunctionWithBody(node)) {
      name = functionName(node, around);
      const from = source.getLineAndCharacterOfPosition(node.getStart());
      const to = source.getLineAndCharacterOfPosition(node.getEnd());
      found.push({ name, file: `${source.fileName}:${from.line + 1}`, size: to.line - from.line + 1 });
    }
    node.forEachChild((child) => visit(child, name));
  };
  visit(source, '');
  return found;
}

/**
 * @param {ts.Node} node
 * @returns {node is ts.FunctionLikeDeclaration}
 */
const isFunctionWithBody = (node) => ts.isFunctionLike(node) && 'body' in node && node.body !== undefined;

/**
 * @param {ts.FunctionLikeDeclaration} node
 * @param {string} around The class or function that it stands in, or nothing.
 */
function functionName(node, around) {
  const { parent } = node;
  const given = ts.isConstructorDeclaration(node) ? 'constructor' : node.name?.getText();
  const named =
    given ?? ((ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)) && parent.name.getText());
  if (!named) return `a function in ${around === '' ? 'the file' : around}`;
  return ts.isClassLike(parent) && around !== '' ? `${around}.${named}` : named;
}

/**
 * Interfaces and types of one object, with the fields that they name themselves.
 * @param {ts.SourceFile} source
 * @returns {Largest[]}
 */
function interfacesOf(source) {
  return source.statements.flatMap((node) => {
    const body = ts.isInterfaceDeclaration(node)
      ? node
      : ts.isTypeAliasDeclaration(node) && ts.isTypeLiteralNode(node.type)
        ? node.type
        : null;
    if (body === null || !(ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node))) return [];
    return [{ name: node.name.text, file: source.fileName, size: body.members.filter(ts.isPropertySignature).length }];
  });
}

/**
 * Names of the types of parameters for which some call writes an object literal.
 * @param {readonly ts.SourceFile[]} sources
 * @returns {Set<string>}
 */
function literalsPassed(sources) {
  /** Types of the parameters of functions and constructors, by name. @type {Map<string, string[]>} */
  const parameters = new Map();
  /** @type {{ name: string, position: number }[]} */
  const calls = [];
  /** @type {(node: ts.Node) => void} */
  const visit = (node) => {
    if (ts.isFunctionDeclaration(node) || ts.isConstructorDeclaration(node)) {
      const name = ts.isConstructorDeclaration(node) ? node.parent.name?.text : node.name?.text;
      if (name !== undefined)
        parameters.set(
          name,
          node.parameters.map(({ type }) => typeName(type)),
        );
    } else if ((ts.isCallExpression(node) || ts.isNewExpression(node)) && ts.isIdentifier(node.expression)) {
      for (const [position, argument] of (node.arguments ?? []).entries())
        if (ts.isObjectLiteralExpression(argument)) calls.push({ name: node.expression.text, position });
    }
    node.forEachChild(visit);
  };
  for (const source of sources) visit(source);
  return new Set(calls.map(({ name, position }) => parameters.get(name)?.[position] ?? ''));
}

/** @param {ts.TypeNode | undefined} type */
const typeName = (type) =>
  type !== undefined && ts.isTypeReferenceNode(type) && ts.isIdentifier(type.typeName) ? type.typeName.text : '';
