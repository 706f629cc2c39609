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
    return Array.from({ length: kept }, (_, i) => {
      const index = (start + this.slots.length - kept + i) % this.slots.length;
      return this.slots[index]!;
    });
  }

  get last(): T | undefined {
    return this.slots.at(this.next - 1);
  }
}
