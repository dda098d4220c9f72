import { render } from 'preact';
import { signal } from '@preact/signals';
import uPlot from 'uplot';
const a = signal(1);
const place = document.querySelector('#page');
if (place !== null) render(<h1 onClick={() => (a.value += uPlot.rangeLog.length)}>Miroir {a}</h1>, place);
