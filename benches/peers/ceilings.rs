//! What the machine gives to plain loops: reading memory, multiply-adds.

use std::hint::black_box;
use std::time::Instant;

use memmap2::MmapMut;
use serde_json::{Value, json};
use steerscope::engine::thread_count;

/// Buffers in bytes: from one that a large third-level cache holds to one that hardly any does.
const BUFFERS: [usize; 3] = [1 << 26, 1 << 28, 1 << 30];
/// Bytes that each reading measure passes over.
const READ: usize = 1 << 32;
const REPEATS: usize = 3;

/// Read bandwidth per buffer size and multiply-adds per number type, for one thread and for all,
/// each the best of three.
pub(crate) fn measure() -> Value {
    let most = thread_count();
    let mut counts = vec![1, most];
    counts.dedup();
    let mut read = Vec::new();
    for bytes in BUFFERS {
        let data = buffer(bytes);
        for &threads in &counts {
            read.push(json!({
                "bytes": bytes, "threads": threads, "gb_per_s": bandwidth(&data, threads),
            }));
        }
    }
    let mut compute = Vec::new();
    for &threads in &counts {
        for (name, rate) in rates(threads) {
            compute.push(json!({ "kind": name, "threads": threads, "giga_ops_per_s": rate }));
        }
    }
    json!({ "read": read, "compute": compute })
}

/// The best of some runs of `work` on each of `threads` threads, in units per second.
fn best(threads: usize, units: f64, work: impl Fn(usize) + Sync) -> f64 {
    (0..REPEATS)
        .map(|_| {
            let start = Instant::now();
            std::thread::scope(|scope| {
                for i in 0..threads {
                    let work = &work;
                    scope.spawn(move || work(i));
                }
            });
            units / start.elapsed().as_secs_f64()
        })
        .fold(0.0, f64::max)
}

/// Memory that has been written to, in large pages where the system gives them.
fn buffer(bytes: usize) -> MmapMut {
    let mut data = MmapMut::map_anon(bytes).expect("memory");
    #[cfg(target_os = "linux")]
    let _ = data.advise(memmap2::Advice::HugePage);
    data.fill(1);
    data
}

/// Each thread reads its own part over and over.
fn bandwidth(data: &[u8], threads: usize) -> f64 {
    let parts: Vec<&[u8]> = data.chunks(data.len().div_ceil(threads)).collect();
    let passes = READ / data.len();
    best(threads, (passes * data.len()) as f64 / 1e9, |i| {
        for _ in 0..passes {
            let mut sums = [0u64; 16];
            for chunk in parts[i].as_chunks::<128>().0 {
                for (sum, v) in sums.iter_mut().zip(chunk.as_chunks::<8>().0) {
                    *sum = sum.wrapping_add(u64::from_ne_bytes(*v));
                }
            }
            black_box(sums);
        }
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn rates(_threads: usize) -> Vec<(&'static str, f64)> {
    Vec::new()
}

/// Operations (a multiply-add is two) in registers alone, in units of 10⁹ per second.
#[cfg(target_arch = "x86_64")]
fn rates(threads: usize) -> Vec<(&'static str, f64)> {
    let mut rates = Vec::new();
    let mut take = |name, present: bool, operations: f64, run: unsafe fn()| {
        let total = operations * (x86::STEPS * x86::CHAINS * threads) as f64;
        let work = |_| {
            #[expect(unsafe_code, reason = "instructions detected at run time")]
            // SAFETY: this is only called where the processor has the instructions.
            unsafe {
                run();
            }
        };
        if present {
            rates.push((name, best(threads, total / 1e9, work)));
        }
    };
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
    let bf16 = avx512 && is_x86_feature_detected!("avx512bf16");
    let int8 = avx512 && is_x86_feature_detected!("avx512vnni");
    take("f32 AVX2", avx2, 2.0 * 8.0, x86::f32_256);
    take("f32 AVX-512", avx512, 2.0 * 16.0, x86::f32_512);
    take("bf16 AVX-512", bf16, 2.0 * 32.0, x86::bf16_512);
    take("int8 AVX-512", int8, 2.0 * 64.0, x86::int8_512);
    rates
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m512bh, _mm256_fmadd_ps, _mm256_set1_ps, _mm512_dpbf16_ps, _mm512_dpbusd_epi32,
        _mm512_fmadd_ps, _mm512_set1_epi8, _mm512_set1_epi16, _mm512_set1_epi32, _mm512_set1_ps,
    };
    use std::hint::black_box;

    pub(super) const STEPS: usize = 20_000_000;
    /// Independent sums: more than latency times units of any processor so far.
    pub(super) const CHAINS: usize = 12;

    macro_rules! chains {
        ($start:expr, $step:expr) => {{
            let mut sums = [$start; CHAINS];
            for _ in 0..STEPS {
                for sum in &mut sums {
                    *sum = $step(*sum);
                }
            }
            black_box(sums);
        }};
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn f32_256() {
        let (a, b) = (
            _mm256_set1_ps(black_box(0.5)),
            _mm256_set1_ps(black_box(0.1)),
        );
        chains!(b, |sum| _mm256_fmadd_ps(a, sum, b));
    }

    #[target_feature(enable = "avx512f")]
    pub(super) fn f32_512() {
        let (a, b) = (
            _mm512_set1_ps(black_box(0.5)),
            _mm512_set1_ps(black_box(0.1)),
        );
        chains!(b, |sum| _mm512_fmadd_ps(a, sum, b));
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(super) fn bf16_512() {
        #[expect(unsafe_code, reason = "two names of one register type")]
        // SAFETY: both types are 64 bytes for which every bit pattern is a value.
        let a: __m512bh = unsafe { std::mem::transmute(_mm512_set1_epi16(black_box(0x3c00))) };
        let start = _mm512_set1_ps(black_box(0.1));
        chains!(start, |sum| _mm512_dpbf16_ps(sum, a, a));
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn int8_512() {
        let a = _mm512_set1_epi8(black_box(1));
        let start = _mm512_set1_epi32(black_box(1));
        chains!(start, |sum| _mm512_dpbusd_epi32(sum, a, a));
    }
}
