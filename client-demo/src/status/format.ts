/** Numbers as people read them. Pure. */

const DASH = "–";

/** "2:31", "1:02:03"; from a day on "3 d 4 h". Seconds. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const days = Math.floor(whole / 86_400);
  const hours = Math.floor((whole % 86_400) / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const two = (value: number) => String(value).padStart(2, "0");
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours}:${two(minutes)}:${two(whole % 60)}`;
  return `${minutes}:${two(whole % 60)}`;
}

/** A number with so many digits after the point at most, fewer where it is large. */
export function number(value: number | null, digits = 0): string {
  if (value === null || !Number.isFinite(value)) return DASH;
  if (value === 0) return "0";
  const fitting = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? Math.min(digits, 1) : digits;
  return value.toLocaleString("en", {
    minimumFractionDigits: fitting,
    maximumFractionDigits: fitting,
  });
}

export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** "1 viewer", "3 viewers". */
export function count(value: number, one: string, many = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`;
}
