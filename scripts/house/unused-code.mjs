// UnusedCode: exports, class members and methods of interfaces that no running code reaches. The walk starts at what
// runs by itself (entries, scripts, benches) and at the public face of the package; a use inside unused code is none.
// It knows types, so that a call over an interface counts for every class behind it. It does not judge values: an
// option that nobody sets, or a parameter that is always the same, is not found.
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { SOURCE_FOLDERS } from './import-graph.mjs';

/** Folders whose files use the sources, but are not judged. Tests are not among them. */
const USER_FOLDERS = ['scripts', 'bench', 'examples'];

/** Methods that the language or a library calls by name. */
const CALLED_BY_NAME = new Set(['toString', 'toJSON', 'constructor']);

/**
 * @typedef {object} Named
 * @property {string} name As the report says it: `Class.member` or `name`.
 * @property {string} file
 * @property {ts.Declaration} node
 * @property {boolean} isMember
 */

/**
 * Reads the types of a whole project, which takes seconds; the answers after it are quick.
 * @param {string} root
 * @returns {Census}
 */
export function takeCensus(root) {
  return new Census(openProgram(root), root);
}

/**
 * One program over sources and users, in which a path into the build means the source behind it.
 * @param {string} root
 */
function openProgram(root) {
  const config = ts.readConfigFile(join(root, 'tsconfig.json'), (file) => ts.sys.readFile(file));
  const parsed = ts.parseJsonConfigFileContent(config.config, ts.sys, root);
  const options = { ...parsed.options, noEmit: true, declaration: false, allowJs: true, checkJs: false, outDir: '' };
  const folders = [...SOURCE_FOLDERS, ...USER_FOLDERS].filter((folder) => existsSync(join(root, folder)));
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|mjs)$/.test(name))
      .map((name) => join(root, folder, name)),
  );
  const host = ts.createCompilerHost(options);
  const cache = ts.createModuleResolutionCache(root, (name) => name, options);
  host.resolveModuleNameLiterals = (literals, file, redirected, settings, source) =>
    literals.map((literal) => {
      const { text } = literal;
      const name =
        text === 'pipetrain' ? join(root, 'engine/index.js') : text.replace(/^((\.\.\/)+|#)dist\//, `${root}/`);
      const mode = ts.getModeForUsageLocation(source, literal, settings);
      return ts.resolveModuleName(name, file, settings, host, cache, redirected, mode);
    });
  return ts.createProgram(files, options, host);
}

/** All names of the sources, and from where each is used. */
class Census {
  #checker;
  #root;
  /** @type {Map<ts.Node, Named>} */
  #named = new Map();
  /** Identifiers that may mean one of them; others are not looked up. @type {Set<string>} */
  #words = new Set();
  /** For each declaration that is used, the judged declarations around each use. @type {Map<ts.Node, ts.Node[][]>} */
  #uses = new Map();
  /** Names read from values of type any, as in untyped scripts. @type {Set<string>} */
  #loose = new Set();

  /**
   * @param {ts.Program} program
   * @param {string} root
   */
  constructor(program, root) {
    this.#root = root;
    this.#checker = program.getTypeChecker();
    const files = program.getSourceFiles().filter(({ fileName }) => this.#isOurs(fileName));
    for (const file of files) if (!this.#isUser(file)) file.forEachChild((node) => this.#name(node, file));
    for (const { node } of this.#named.values()) this.#words.add(nameOf(node));
    for (const file of files) this.#nameAliases(file);
    for (const file of files) file.forEachChild((node) => this.#visit(node, []));
    for (const file of files) if (file.fileName === join(root, 'engine/index.ts')) this.#useAll(file, []);
  }

  /**
   * What nothing uses, as `file: name` or `file: Class.member`, sorted by file.
   * @param {readonly string[]} seams Names in the same form that count as used, with all that they use.
   * @returns {string[]}
   */
  unused(seams = []) {
    const named = [...this.#named.values()];
    /** @type {Set<ts.Node>} */
    const live = new Set(named.filter((item) => seams.includes(labelOf(item))).map(({ node }) => node));
    if (live.size < seams.length) throw new Error(`no such name among ${seams.join(', ')}`);
    for (let before = -1; before < live.size;) {
      before = live.size;
      for (const [node, chains] of this.#uses)
        if (!live.has(node) && chains.some((chain) => chain.every((around) => live.has(around)))) live.add(node);
      for (const { node, isMember } of named)
        if (isMember && !live.has(node) && this.#isLiveOverTypes(node, live)) live.add(node);
    }
    return named
      .filter(({ node, isMember }) => !live.has(node) && (!isMember || live.has(node.parent)))
      .map(labelOf)
      .sort();
  }

  /** @param {string} file */
  #isOurs(file) {
    const path = relative(this.#root, file);
    return !path.startsWith('..') && !/^(node_modules|dist)\//.test(path);
  }

  /** @param {ts.SourceFile} file */
  #isUser(file) {
    return USER_FOLDERS.some((folder) => relative(this.#root, file.fileName).startsWith(`${folder}/`));
  }

  /**
   * Notes the declarations of one statement of a file.
   * @param {ts.Node} statement
   * @param {ts.SourceFile} source
   */
  #name(statement, source) {
    const file = relative(this.#root, source.fileName);
    /** @type {(node: ts.Declaration, name: string, isMember: boolean) => void} */
    const add = (node, name, isMember) => void this.#named.set(node, { name, file, node, isMember });
    if (ts.isVariableStatement(statement)) {
      for (const node of statement.declarationList.declarations)
        if (ts.isIdentifier(node.name)) add(node, node.name.text, false);
    } else if (
      (ts.isFunctionDeclaration(statement) ||
        ts.isClassDeclaration(statement) ||
        ts.isInterfaceDeclaration(statement) ||
        ts.isTypeAliasDeclaration(statement)) &&
      statement.name !== undefined
    ) {
      add(statement, statement.name.text, false);
      if (!ts.isClassDeclaration(statement) && !ts.isInterfaceDeclaration(statement)) return;
      for (const member of statement.members)
        if (isJudgedMember(member)) add(member, `${statement.name.text}.${member.name?.getText()}`, true);
    }
  }

  /**
   * Notes the names under which a file imports something: `a` of `* as a`, `b` of `c as b`.
   * @param {ts.SourceFile} file
   */
  #nameAliases(file) {
    for (const statement of file.statements) {
      const bindings = ts.isImportDeclaration(statement) ? statement.importClause?.namedBindings : undefined;
      if (bindings === undefined) continue;
      for (const { name } of ts.isNamespaceImport(bindings) ? [bindings] : bindings.elements)
        this.#words.add(name.text);
    }
  }

  /**
   * Notes the uses in a tree; `around` are the judged declarations that it stands in.
   * @param {ts.Node} node
   * @param {readonly ts.Node[]} around
   */
  #visit(node, around) {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return;
    const inside = this.#named.has(node) ? [...around, node] : around;
    if (ts.isIdentifier(node)) this.#useName(node, inside);
    else if (ts.isObjectBindingPattern(node)) this.#usePattern(node, inside);
    else if (ts.isElementAccessExpression(node)) this.#useElement(node, inside);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      this.#useLoaded(node, inside);
    node.forEachChild((child) => this.#visit(child, inside));
  }

  /**
   * @param {ts.Identifier} node
   * @param {readonly ts.Node[]} around
   */
  #useName(node, around) {
    const { parent } = node;
    if (!this.#words.has(node.text)) return;
    if ('name' in parent && parent.name === node && this.#named.has(parent)) return;
    const symbol = ts.isShorthandPropertyAssignment(parent)
      ? this.#checker.getShorthandAssignmentValueSymbol(parent)
      : this.#checker.getSymbolAtLocation(node);
    if (symbol === undefined) {
      if (ts.isPropertyAccessExpression(parent) && parent.name === node) this.#loose.add(node.text);
      return;
    }
    const target = symbol.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol;
    for (const declaration of target.declarations ?? []) {
      const isWhole =
        ts.isSourceFile(declaration) && !(ts.isPropertyAccessExpression(parent) && parent.expression === node);
      if (isWhole && !ts.isQualifiedName(parent)) this.#useAll(declaration, around);
      else this.#use(declaration, around);
    }
  }

  /**
   * `{ a, b: c }` of a value uses its members.
   * @param {ts.ObjectBindingPattern} pattern
   * @param {readonly ts.Node[]} around
   */
  #usePattern(pattern, around) {
    const type = this.#checker.getTypeAtLocation(pattern);
    for (const { name, propertyName } of pattern.elements) {
      const key = (propertyName ?? name).getText();
      const property = type.getProperty(key);
      if (property === undefined) this.#loose.add(key);
      for (const declaration of property?.declarations ?? []) this.#use(declaration, around);
    }
  }

  /**
   * `value[name]` uses every member that `name` can mean by its type.
   * @param {ts.ElementAccessExpression} node
   * @param {readonly ts.Node[]} around
   */
  #useElement(node, around) {
    const key = this.#checker.getTypeAtLocation(node.argumentExpression);
    const type = this.#checker.getTypeAtLocation(node.expression);
    for (const part of key.isUnion() ? key.types : [key]) {
      if (!part.isStringLiteral()) continue;
      for (const declaration of type.getProperty(part.value)?.declarations ?? []) this.#use(declaration, around);
    }
  }

  /**
   * `import('x')` whose exports are then read by name from a value that the checker knows; scripts take it apart.
   * @param {ts.CallExpression} node
   * @param {readonly ts.Node[]} around
   */
  #useLoaded(node, around) {
    const [specifier] = node.arguments;
    const module = specifier && this.#checker.getSymbolAtLocation(specifier);
    const [file] = module?.declarations ?? [];
    const { parent } = node;
    const isTakenApart =
      ts.isAwaitExpression(parent) &&
      (ts.isVariableDeclaration(parent.parent) || ts.isParenthesizedExpression(parent.parent));
    if (file !== undefined && ts.isSourceFile(file) && !isTakenApart) this.#useAll(file, around);
  }

  /**
   * Everything that a file exports, with the members of its classes.
   * @param {ts.SourceFile} file
   * @param {readonly ts.Node[]} around
   */
  #useAll(file, around) {
    const module = this.#checker.getSymbolAtLocation(file);
    for (const symbol of module === undefined ? [] : this.#checker.getExportsOfModule(module)) {
      const target = symbol.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol;
      for (const declaration of target.declarations ?? []) {
        if (ts.isSourceFile(declaration)) this.#useAll(declaration, around);
        this.#use(declaration, around);
        if (ts.isClassDeclaration(declaration) || ts.isInterfaceDeclaration(declaration))
          for (const member of declaration.members) this.#use(member, around);
      }
    }
  }

  /**
   * @param {ts.Node} declaration
   * @param {readonly ts.Node[]} around
   */
  #use(declaration, around) {
    const chains = this.#uses.get(declaration) ?? [];
    // A declaration does not hold itself.
    if (!around.includes(declaration)) this.#uses.set(declaration, [...chains, [...around]]);
  }

  /**
   * Whether a member is reached over a base class, an interface, or by a name read from a value without a type.
   * @param {ts.Declaration} member
   * @param {ReadonlySet<ts.Node>} live
   */
  #isLiveOverTypes(member, live) {
    const name = nameOf(member);
    if (this.#loose.has(name)) return true;
    const own = this.#checker.getTypeAtLocation(member.parent);
    return (
      this.#namesakes(name).some((other) => {
        if (other === member || !live.has(other)) return false;
        const owner = this.#checker.getTypeAtLocation(other.parent);
        return isGeneric(member.parent) || isGeneric(other.parent) || this.#checker.isTypeAssignableTo(own, owner);
      }) || this.#isForeign(own, name)
    );
  }

  /**
   * Members of that name of interfaces, type literals and classes that something uses.
   * @param {string} name
   * @returns {ts.Node[]}
   */
  #namesakes(name) {
    this.#byName ??= groupBy(
      [...this.#uses.keys()].filter(
        (node) =>
          (ts.isTypeElement(node) || ts.isClassElement(node)) && node.name !== undefined && node.parent !== undefined,
      ),
      (node) => nameOf(node),
    );
    return this.#byName.get(name) ?? [];
  }
  /** @type {Map<string, ts.Node[]> | undefined} */
  #byName;

  /**
   * Whether a base class or interface from elsewhere has that member.
   * @param {ts.Type} type
   * @param {string} name
   */
  #isForeign(type, name) {
    const [declaration] = type.symbol?.declarations ?? [];
    if (declaration === undefined || !ts.isClassDeclaration(declaration)) return false;
    return (declaration.heritageClauses ?? [])
      .flatMap(({ types }) => [...types])
      .some((base) => {
        const found = this.#checker.getTypeAtLocation(base).getProperty(name)?.declarations ?? [];
        return found.some((node) => !this.#isOurs(node.getSourceFile().fileName));
      });
  }
}

/** @param {ts.Node} node */
const nameOf = (node) => /** @type {ts.NamedDeclaration} */ (node).name?.getText() ?? '';

/** @param {Named} item */
const labelOf = ({ file, name }) => `${file}: ${name}`;

/** @param {ts.Node} node */
function isGeneric(node) {
  return (ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node)) && node.typeParameters !== undefined;
}

/** @param {ts.ClassElement | ts.TypeElement} member */
function isJudgedMember(member) {
  const { name } = member;
  if (name === undefined || !ts.isIdentifier(name) || CALLED_BY_NAME.has(name.text)) return false;
  return !ts.isPropertySignature(member);
}

/**
 * @template T
 * @param {readonly T[]} items
 * @param {(item: T) => string} keyOf
 * @returns {Map<string, T[]>}
 */
function groupBy(items, keyOf) {
  /** @type {Map<string, T[]>} */
  const groups = new Map();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
