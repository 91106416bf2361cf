const KEY = "cim-theme";

/** Light or dark: the reader's choice, else the system's. */
export class Theme {
  private readonly system = matchMedia("(prefers-color-scheme: dark)");
  private chosen = localStorage.getItem(KEY);

  constructor(private readonly changed: () => void) {
    this.system.addEventListener("change", () => this.apply());
    document.documentElement.dataset.theme = this.dark ? "dark" : "light";
  }

  get dark(): boolean {
    return this.chosen ? this.chosen === "dark" : this.system.matches;
  }

  toggle(): void {
    this.chosen = this.dark ? "light" : "dark";
    localStorage.setItem(KEY, this.chosen);
    this.apply();
  }

  private apply(): void {
    document.documentElement.dataset.theme = this.dark ? "dark" : "light";
    this.changed();
  }
}
