/** Where files come in: chosen or dropped, read to no more than they may have, taken away again. */

import type { Bytes } from "./bundle.js";

export interface Chosen {
  readonly name: string;
  readonly bytes: Bytes;
  readonly tooLong: boolean;
}

interface Rules {
  /** Bytes that a file may have; one more is read, enough to be refused for it. */
  readonly most: number;
  /** Whether files are gathered; otherwise the last one counts. */
  readonly many?: boolean;
}

export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found;
}

/** One place for files. `changed` is called at once when they change, and once they are read. */
export class Zone {
  private held: readonly Chosen[] = [];
  private waiting = 0;
  private unread: readonly string[] = [];
  private readonly input: HTMLInputElement;
  private readonly remove: HTMLElement;

  constructor(
    private readonly id: string,
    private readonly rules: Rules,
    private readonly changed: () => void,
  ) {
    this.input = byId(`${id}-file`) as HTMLInputElement;
    this.remove = byId(`${id}-remove`);
    this.input.addEventListener("change", () => {
      void this.take([...(this.input.files ?? [])]);
      this.input.value = ""; // so that the same file, edited meanwhile, can be chosen again
    });
    this.remove.addEventListener("click", () => {
      this.held = [];
      this.unread = [];
      this.tell();
      this.input.focus();
      changed();
    });
    const zone = byId(`${id}-zone`);
    zone.addEventListener("dragover", (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      void this.take([...(event.dataTransfer?.files ?? [])]);
    });
  }

  get files(): readonly Chosen[] {
    return this.held;
  }

  /** Whether what was given is here: nothing is judged while a file is on its way or unreadable. */
  get isSettled(): boolean {
    return this.waiting === 0 && this.unread.length === 0;
  }

  private async take(files: readonly File[]): Promise<void> {
    if (files.length === 0) return;
    const many = this.rules.many ?? false;
    const taken = many ? files : files.slice(-1);
    if (!many) {
      this.held = [];
      this.unread = [];
    }
    this.waiting += 1;
    this.changed();
    const mine = await Promise.all(taken.map((file) => this.read(file)));
    this.waiting -= 1;
    const read = mine.filter((each) => typeof each !== "string");
    const unread = mine.filter((each) => typeof each === "string");
    this.held = many ? [...this.held, ...read] : read;
    this.unread = many ? [...this.unread, ...unread] : unread;
    this.tell();
    this.changed();
  }

  /** The file, or the name of one that cannot be read. */
  private async read(file: File): Promise<Chosen | string> {
    const { most } = this.rules;
    try {
      const bytes = new Uint8Array(await file.slice(0, most + 1).arrayBuffer());
      return { name: file.name, bytes, tooLong: file.size > most };
    } catch {
      return file.name;
    }
  }

  private tell(): void {
    const names = [
      ...this.held.map(({ name }) => name),
      ...this.unread.map((name) => `${name} cannot be read: remove it, or choose it again`),
    ];
    byId(`${this.id}-name`).textContent = names.join(", ");
    this.remove.hidden = names.length === 0;
  }
}
