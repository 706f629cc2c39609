/** The last `capacity` things pushed. */
export class Ring<T> {
  private readonly slots: T[] = [];
  private next = 0;

  constructor(private readonly capacity: number) {}

  push(item: T): void {
    this.slots[this.next] = item;
    this.next = (this.next + 1) % this.capacity;
  }

  clear(): void {
    this.slots.length = 0;
    this.next = 0;
  }

  /** Oldest first. */
  toArray(): T[] {
    return this.latest(this.slots.length);
  }

  /** The last `count` of them, oldest first. */
  latest(count: number): T[] {
    const start = this.slots.length < this.capacity ? 0 : this.next;
    const kept = Math.min(count, this.slots.length);
    const inOrder = [...this.slots.slice(start), ...this.slots.slice(0, start)];
    return inOrder.slice(inOrder.length - kept);
  }

  get last(): T | undefined {
    return this.slots.at(this.next - 1);
  }
}
