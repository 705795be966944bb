/* Samples that a network is run on. */
#ifndef INN_EXEC_FEED_H
#define INN_EXEC_FEED_H

#include "runtime/inn.h"

/* All inputs of a network, for a number of samples. */
struct inn_feed {
    /*
     * One per input of the graph, in its type: what the network takes at
     * once, count times, joined along axis 0 (a scalar becomes a vector).
     */
    struct inn_tensor *items;
    int n;
    int64_t count;
    bool familiar; /* such as the network was trained on, as it shows */
};

#endif
