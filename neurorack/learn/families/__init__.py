"""What is trimmed: the published families WaveNet, SING and DDSP, and our own instrument.

wavenet, sing, ddsp   networks (standard: how they see their controls)
tasks, instrument     what they are trained for, and judged by
export                graphs that stream in a bundle (export_wavenet: one that loops; graphs: what they share)
limit                 how large a WaveNet can be and still play live
kits                  task, timer and bundle of each
"""
