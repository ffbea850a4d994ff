/* The compiled kernel (trees_cuda.cu) as bytes; PD_FATBIN is its file. */
	.section .rodata
	.balign 16
	.globl pd_trees_cuda_image
	.type pd_trees_cuda_image, @object
pd_trees_cuda_image:
	.incbin PD_FATBIN
	.size pd_trees_cuda_image, . - pd_trees_cuda_image
	.section .note.GNU-stack, "", @progbits
