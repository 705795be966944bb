// ONNX Runtime's side of tests/bench/speed; speaks as speed_run.c does:
//     node speed_ort.js FILE.onnx THREADS NAME:TYPE:D0,D1 …
'use strict';
const { createInterface } = require('readline');
let ort;
try {
  ort = require('onnxruntime-node');
} catch (e) {
  console.error('speed_ort: no onnxruntime-node below NODE_PATH');
  process.exit(1);
}

const ARRAYS = {
  f32: ['float32', Float32Array], f64: ['float64', Float64Array],
  i64: ['int64', BigInt64Array], i32: ['int32', Int32Array],
  u8: ['uint8', Uint8Array], i8: ['int8', Int8Array],
  bool: ['bool', Uint8Array], f16: ['float16', Uint16Array],
};

function half(x) { // of multiples of 1/256 below 1: exact
  if (x === 0) return 0;
  const e = Math.floor(Math.log2(x));
  return (e + 15) << 10 | Math.round((x / 2 ** e - 1) * 1024);
}

function input(type, dims) {
  const [name, A] = ARRAYS[type];
  const data = new A(dims.reduce((a, b) => a * b, 1));
  if (type[0] === 'f') {
    for (let i = 0; i < data.length; i++) {
      const x = (Math.imul(i, 2654435761) >>> 24) / 256;
      data[i] = type === 'f16' ? half(x) : x;
    }
  }
  const F16 = globalThis.Float16Array;
  return new ort.Tensor(name, type === 'f16' && F16 ? new F16(data.buffer)
    : data, dims);
}

function unhalf(bits) { // its magnitude
  const e = bits >> 10 & 31, m = bits & 1023;
  return e === 31 ? (m ? NaN : Infinity)
    : e === 0 ? m * 2 ** -24 : (1024 + m) * 2 ** (e - 25);
}

function mean(outputs) {
  let sum = 0, n = 0;
  for (const t of Object.values(outputs)) {
    const bits = t.type === 'float16' && t.data instanceof Uint16Array;
    for (const x of t.data) sum += bits ? unhalf(x) : Math.abs(Number(x));
    n += t.data.length;
  }
  return sum / n;
}

async function main([model, threads, ...specs]) {
  const session = await ort.InferenceSession.create(model, {
    graphOptimizationLevel: 'all', logSeverityLevel: 3,
    intraOpNumThreads: +threads, interOpNumThreads: 1,
  });
  const feeds = {};
  for (const s of specs) {
    const [, name, type, dims] = /^(.*):(\w+)(?::([\d,]*))?$/.exec(s);
    feeds[name] = input(type, dims ? dims.split(',').map(Number) : []);
  }
  const first = await session.run(feeds);
  console.log('ready', mean(first), process.resourceUsage().maxRSS * 1024);
  for await (const line of createInterface({ input: process.stdin })) {
    const times = [];
    for (let i = 0; i < +line; i++) {
      const start = process.hrtime.bigint();
      await session.run(feeds);
      times.push(Number(process.hrtime.bigint() - start) / 1e6);
    }
    console.log(times.join(' '));
  }
}

main(process.argv.slice(2)).catch(e => {
  console.error('speed_ort:', String(e.message || e));
  process.exit(1);
});
