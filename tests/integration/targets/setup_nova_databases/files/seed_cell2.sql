-- Copyright: (c) 2026, stackmove.nova contributors
-- GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Cell 2: one Nova release ahead of cell 1, with a server of its own, so that the next ids differ from cell 1's.

ALTER TABLE instances ADD COLUMN `compute_id` bigint(20);
ALTER TABLE migrations ADD COLUMN `dest_compute_id` bigint(20);
CREATE TABLE share_mapping (
  `created_at` datetime,
  `updated_at` datetime,
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `uuid` varchar(36),
  `instance_uuid` varchar(36),
  `share_id` varchar(36),
  `status` varchar(32),
  `tag` varchar(48),
  `export_location` text,
  `share_proto` varchar(32),
  PRIMARY KEY (`id`),
  KEY `share_idx` (`share_id`),
  KEY `share_mapping_instance_uuid_share_id_idx` (`instance_uuid`,`share_id`),
  CONSTRAINT `share_mapping_instance_uuid_fkey` FOREIGN KEY (`instance_uuid`) REFERENCES `instances` (`uuid`)
);
INSERT INTO compute_nodes (`id`, `created_at`, `uuid`, `host`, `hypervisor_hostname`, `host_ip`, `deleted`, `vcpus`, `memory_mb`, `local_gb`, `vcpus_used`, `memory_mb_used`, `local_gb_used`, `free_ram_mb`, `hypervisor_type`, `hypervisor_version`, `cpu_info`) VALUES
  (7, '2026-11-01 12:00:00', 'aaaaaaaa-0000-4000-8000-000000000002', 'cmp2', 'cmp2', '192.0.2.12', 0, 8, 16384, 100, 0, 0, 0, 16384, 'QEMU', 7002000, '{}');
INSERT INTO instances (`id`, `uuid`, `created_at`, `updated_at`, `user_id`, `project_id`, `image_ref`, `launch_index`, `key_name`, `key_data`, `power_state`, `vm_state`, `task_state`, `memory_mb`, `vcpus`, `root_gb`, `ephemeral_gb`, `hostname`, `display_name`, `host`, `node`, `launched_on`, `launched_at`, `reservation_id`, `availability_zone`, `locked`, `instance_type_id`, `root_device_name`, `config_drive`, `auto_disk_config`, `shutdown_terminate`, `disable_terminate`, `progress`, `user_data`, `deleted`, `cleaned`, `hidden`, `compute_id`) VALUES
  (104, '8f4e3b10-7ac7-4b8d-9c30-2c6cab5e9f33', '2026-11-01 12:00:00', '2026-11-05 08:30:15', '1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f', '2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f', 'c1b2a3d4-0000-4000-8000-00000000abcd', 0, 'lab', 'ssh-ed25519 AAAA lab', 1, 'active', NULL, 512, 1, 5, 0, 'other', 'other', 'cmp2', 'cmp2', 'cmp2', '2026-11-01 12:00:20', 'r-0a1b2c3d', 'nova', 0, 2, '/dev/vda', '', 0, 0, 0, 0, 'I2Nsb3VkLWNvbmZpZwo=', 0, 0, 0, 7);
