// How things look on the canvas: each kind of message has a colour, a dash and a shape of its own.

const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3], [4, 4], [1, 2], [12, 4], [5, 2, 1, 2, 1, 2]];
const SHAPES = ['triangle', 'circle', 'square', 'diamond', 'bar', 'cross'];

/// The colours of the page as they are now, light or dark.
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const value = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: value('ink'),
    dim: value('dim'),
    rule: value('rule'),
    ground: value('ground'),
    tint: value('tint'),
    bad: value('bad'),
    good: value('good'),
    accent: value('accent'),
    kinds: Array.from({ length: 8 }, (_, at) => value(`kind-${at}`)),
  };
}

/// The look of a kind of message.
export function look(colours, kind) {
  return {
    colour: colours.kinds[kind % 8],
    // The ninth kind has the colour of the first, but neither its dash nor its shape.
    dash: DASHES[(kind + 3 * Math.floor(kind / 8)) % DASHES.length],
    shape: SHAPES[kind % SHAPES.length],
  };
}

/// The head of an arrow, or the shape of a kind in a legend.
export function head(context, shape, x, y, angle, size) {
  context.save();
  context.translate(x, y);
  context.rotate(angle);
  context.setLineDash([]);
  context.beginPath();
  if (shape === 'triangle') {
    context.moveTo(0, 0);
    context.lineTo(-size * 2, -size);
    context.lineTo(-size * 2, size);
  } else if (shape === 'circle') context.arc(-size, 0, size, 0, 7);
  else if (shape === 'square') context.rect(-size * 2, -size, size * 2, size * 2);
  else if (shape === 'diamond') {
    context.moveTo(0, 0);
    context.lineTo(-size, -size);
    context.lineTo(-size * 2, 0);
    context.lineTo(-size, size);
  } else if (shape === 'bar') context.rect(-size * 0.8, -size * 1.3, size * 0.8, size * 2.6);
  else {
    context.moveTo(0, -size);
    context.lineTo(-size * 2, size);
    context.moveTo(0, size);
    context.lineTo(-size * 2, -size);
    context.lineWidth = 1.6;
    context.stroke();
  }
  context.closePath();
  context.fill();
  context.restore();
}

/// A filling of a kind that shows without colour: lines in a direction of its own, or dots.
export function pattern(context, colours, kind) {
  const tile = document.createElement('canvas');
  tile.width = 8;
  tile.height = 8;
  const paint = tile.getContext('2d');
  paint.fillStyle = colours.kinds[kind % 8];
  paint.fillRect(0, 0, 8, 8);
  paint.strokeStyle = colours.ground;
  paint.fillStyle = colours.ground;
  paint.lineWidth = 1;
  paint.beginPath();
  const strokes = [
    [], [[0, 8, 8, 0]], [[0, 0, 8, 8]], [[0, 4, 8, 4]], [[4, 0, 4, 8]],
    [[0, 4, 8, 4], [4, 0, 4, 8]], [[0, 0, 8, 8], [0, 8, 8, 0]],
  ];
  for (const [x, y, to, down] of strokes[kind % 8] ?? []) {
    paint.moveTo(x, y);
    paint.lineTo(to, down);
  }
  paint.stroke();
  if (kind % 8 === 7) paint.fillRect(2, 2, 3, 3);
  return context.createPattern(tile, 'repeat');
}

/// Grey lines across an area: links that are cut.
export function hatch(context, colour, x, y, width, height) {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = colour;
  context.globalAlpha = 0.45;
  context.lineWidth = 1;
  context.setLineDash([]);
  context.beginPath();
  for (let at = x - height; at < x + width; at += 9) {
    context.moveTo(at, y + height);
    context.lineTo(at + height, y);
  }
  context.stroke();
  context.restore();
}

/// A mark on a lane: what a party did or what happened to it.
export function mark(context, colours, what, x, y, size) {
  context.save();
  context.setLineDash([]);
  context.lineWidth = 1.6;
  context.strokeStyle = colours.ink;
  context.fillStyle = colours.ink;
  context.beginPath();
  if (what === 'decided') {
    context.fillStyle = colours.good;
    context.fillRect(x - size, y - size, size * 2, size * 2);
    context.strokeStyle = colours.ground;
    context.strokeRect(x - size, y - size, size * 2, size * 2);
  } else if (what === 'timer') {
    context.arc(x, y, size * 0.8, 0, 7);
    context.fillStyle = colours.ground;
    context.fill();
    context.moveTo(x, y - size * 0.6);
    context.lineTo(x, y);
    context.lineTo(x + size * 0.5, y);
    context.stroke();
  } else if (what === 'entered') {
    context.moveTo(x, y - size * 1.6);
    context.lineTo(x, y + size * 1.6);
    context.stroke();
  } else if (what === 'recovered') {
    context.moveTo(x - size, y - size);
    context.lineTo(x + size, y);
    context.lineTo(x - size, y + size);
    context.fill();
  } else {
    if (what === 'conflicted' || what === 'panicked') context.strokeStyle = colours.bad;
    context.lineWidth = 2.4;
    context.moveTo(x - size, y - size);
    context.lineTo(x + size, y + size);
    context.moveTo(x + size, y - size);
    context.lineTo(x - size, y + size);
    context.stroke();
  }
  context.restore();
}

/// A small label that stays readable on anything.
export function tag(context, colours, text, x, y, colour = colours.ink) {
  const width = context.measureText(text).width;
  context.fillStyle = colours.ground;
  context.globalAlpha = 0.85;
  context.fillRect(x - 2, y - 7, width + 4, 14);
  context.globalAlpha = 1;
  context.fillStyle = colour;
  context.fillText(text, x, y);
}
