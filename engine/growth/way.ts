// GrowthWay: from which layer of the smaller model each layer of the larger one comes. Pure numbers; it moves no state.

export interface GrowthWay {
  readonly name: string;
  /** Whether the larger model computes what the smaller one did: new layers start as the identity. */
  readonly keepsFunction: boolean;
  /**
   * Of `after` layers that repeat, the one at `position` comes from this one of `before`, fewer. The first that comes
   * from a layer is that layer; the others are copies of it.
   */
  originOf(position: number, before: number, after: number): number;
}
