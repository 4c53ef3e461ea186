// What part of the run is in view, by time or by the order of events.

/// The part of a run that is in view. Positions are nanoseconds or numbers of events.
export class Scale {
  constructor(models) {
    this.models = models;
    this.byOrder = false;
    this.fit();
  }

  /// The end of the longest run, a little beyond.
  get length() {
    const ends = this.models.map((model) => (this.byOrder ? model.run.rows : model.end));
    return Math.max(...ends) * 1.02 + 1;
  }

  fit() {
    this.start = -this.length * 0.01;
    this.stop = this.length;
  }

  get width() {
    return this.stop - this.start;
  }

  /// Where an event is.
  at(model, row) {
    return this.byOrder ? row : model.run.at[row];
  }

  /// In view from here to there, as far as that goes.
  show(start, width) {
    const least = this.byOrder ? 4 : 1000;
    const most = this.length * 1.01;
    const size = Math.min(Math.max(width, least), most);
    this.start = Math.min(Math.max(start, -this.length * 0.01), this.length - size);
    this.stop = this.start + size;
  }

  zoom(factor, around) {
    const width = this.width * factor;
    this.show(around - (around - this.start) * factor, width);
  }

  pan(share) {
    this.show(this.start + this.width * share, this.width);
  }

  /// Brings a position into view, near the middle if it was not in it.
  reveal(position) {
    const margin = this.width * 0.08;
    if (position < this.start + margin || position > this.stop - margin) {
      this.show(position - this.width / 2, this.width);
    }
  }

  /// The first event in view, and the first after it.
  rows(model) {
    const first = this.place(model, this.start);
    return [first, this.place(model, this.stop)];
  }

  /// The first event at or after a position.
  place(model, position) {
    if (this.byOrder) return Math.min(Math.max(Math.ceil(position), 0), model.run.rows);
    const { at } = model.run;
    let low = 0;
    let high = model.run.rows;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (at[middle] < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/// Round steps for an axis, so many at most.
export function steps(start, stop, most) {
  const rough = (stop - start) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const size = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
  const list = [];
  for (let at = Math.ceil(start / size) * size; at <= stop; at += size) list.push(at);
  return { size, list };
}
