// The keys, for those who ask.

/// Each key, and what it does.
export const KEYS = [
  ['\u2190 \u2192', 'event before, event after'], ['Shift \u2190 \u2192', 'view before, view after'],
  ['\u2191 \u2193', 'the lane above, below'], ['[ ]', 'message before, after on this lane'],
  ['n N', 'next, previous event worth a look'], ['v', 'next violation'],
  ['+ - 0', 'closer, farther, all'], [', .', 'move left, right'], ['Space', 'play, pause'],
  ['o', 'by time or by order of events'], ['/', 'filter'], ['e', 'evidence'], ['g', 'go to a time'],
  ['t', 'light or dark'], ['?', 'these keys'], ['Esc', 'choose nothing'],
];
