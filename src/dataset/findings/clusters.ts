/** Which of many things belong together, told pair by pair: a forest in which every tree is one cluster. */

export class Clusters {
  readonly #parents: Uint32Array;

  constructor(length: number) {
    this.#parents = Uint32Array.from({ length }, (_, i) => i);
  }

  /** The smallest member of the cluster that `member` is in. */
  rootOf(member: number): number {
    const parents = this.#parents;
    let root = parents[member]!;
    while (parents[root] !== root) root = parents[root]!;
    for (let at = member; at !== root;) {
      const next = parents[at]!;
      parents[at] = root;
      at = next;
    }
    return root;
  }

  join(one: number, other: number): void {
    const [a, b] = [this.rootOf(one), this.rootOf(other)];
    if (a < b) this.#parents[b] = a;
    else this.#parents[a] = b;
  }

  /** Clusters of two or more, members ascending, in the order of their first member. */
  groups(): number[][] {
    const groups = new Map<number, number[]>();
    for (let member = 0; member < this.#parents.length; member++) {
      const root = this.rootOf(member);
      if (root === member) continue;
      const group = groups.get(root);
      if (group === undefined) groups.set(root, [root, member]);
      else group.push(member);
    }
    return [...groups.values()].sort((a, b) => a[0]! - b[0]!);
  }
}
