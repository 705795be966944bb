/*
 * How fast this machine multiplies and adds when nothing stands in its way:
 * what the speed of networks is measured against.
 */
#ifndef INN_EXEC_PEAK_H
#define INN_EXEC_PEAK_H

/*
 * f32 GFLOP/s, a fused multiply-add counted as two, of so many threads (0:
 * all there are); the best of several tries, which take about 50 ms.
 */
double inn_peak_gflops(int threads);

#endif
