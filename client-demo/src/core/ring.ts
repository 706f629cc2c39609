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
    const start = this.slots.length < this.capacity ? 0 : this.next;
    return [...this.slots.slice(start), ...this.slots.slice(0, start)];
  }

  get last(): T | undefined {
    return this.slots.at(this.next - 1);
  }
}
