#ifndef PD_DATA_PDS_H
#define PD_DATA_PDS_H

/*
 * PDS streams, predis-stream(5): the format's numbers, the writer, the reader
 * and the header's contents, in one include.
 */

#include "data/pds_format.h" /* IWYU pragma: export */
#include "data/pds_meta.h"   /* IWYU pragma: export */
#include "data/pds_read.h"   /* IWYU pragma: export */
#include "data/pds_write.h"  /* IWYU pragma: export */

#endif /* PD_DATA_PDS_H */
