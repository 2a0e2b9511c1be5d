-- Copyright: (c) 2026, stackmove.nova contributors
-- GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The tables of the API database that a move reads or writes, as Nova 26 (Zed) has them.

SET foreign_key_checks = 0;
CREATE TABLE `cell_mappings` (
  `created_at` datetime,
  `updated_at` datetime,
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `uuid` varchar(36) NOT NULL,
  `name` varchar(255),
  `transport_url` text,
  `database_connection` text,
  `disabled` tinyint(1),
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_cell_mappings0uuid` (`uuid`),
  KEY `uuid_idx` (`uuid`)
) ENGINE=InnoDB;
CREATE TABLE `instance_mappings` (
  `created_at` datetime,
  `updated_at` datetime,
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `instance_uuid` varchar(36) NOT NULL,
  `cell_id` int(11),
  `project_id` varchar(255) NOT NULL,
  `queued_for_delete` tinyint(1),
  `user_id` varchar(255),
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_instance_mappings0instance_uuid` (`instance_uuid`),
  KEY `cell_id` (`cell_id`),
  KEY `instance_uuid_idx` (`instance_uuid`),
  KEY `project_id_idx` (`project_id`),
  KEY `instance_mappings_user_id_project_id_idx` (`user_id`,`project_id`),
  CONSTRAINT `instance_mappings_ibfk_1` FOREIGN KEY (`cell_id`) REFERENCES `cell_mappings` (`id`)
) ENGINE=InnoDB;
CREATE TABLE `host_mappings` (
  `created_at` datetime,
  `updated_at` datetime,
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `cell_id` int(11) NOT NULL,
  `host` varchar(255) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_host_mappings0host` (`host`),
  KEY `cell_id` (`cell_id`),
  KEY `host_idx` (`host`),
  CONSTRAINT `host_mappings_ibfk_1` FOREIGN KEY (`cell_id`) REFERENCES `cell_mappings` (`id`)
) ENGINE=InnoDB;
CREATE TABLE `request_specs` (
  `created_at` datetime,
  `updated_at` datetime,
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `instance_uuid` varchar(36) NOT NULL,
  `spec` mediumtext NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_request_specs0instance_uuid` (`instance_uuid`),
  KEY `request_spec_instance_uuid_idx` (`instance_uuid`)
) ENGINE=InnoDB;
CREATE TABLE `flavors` (
  `created_at` datetime,
  `updated_at` datetime,
  `name` varchar(255) NOT NULL,
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `memory_mb` int(11) NOT NULL,
  `vcpus` int(11) NOT NULL,
  `swap` int(11) NOT NULL,
  `vcpu_weight` int(11),
  `flavorid` varchar(255) NOT NULL,
  `rxtx_factor` float,
  `root_gb` int(11),
  `ephemeral_gb` int(11),
  `disabled` tinyint(1),
  `is_public` tinyint(1),
  `description` text,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_flavors0flavorid` (`flavorid`),
  UNIQUE KEY `uniq_flavors0name` (`name`)
) ENGINE=InnoDB;
CREATE TABLE `flavor_extra_specs` (
  `created_at` datetime,
  `updated_at` datetime,
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `flavor_id` int(11) NOT NULL,
  `key` varchar(255) NOT NULL,
  `value` varchar(255),
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_flavor_extra_specs0flavor_id0key` (`flavor_id`,`key`),
  KEY `flavor_extra_specs_flavor_id_key_idx` (`flavor_id`,`key`),
  CONSTRAINT `flavor_extra_specs_ibfk_1` FOREIGN KEY (`flavor_id`) REFERENCES `flavors` (`id`)
) ENGINE=InnoDB;
CREATE TABLE `instance_groups` (
  `created_at` datetime,
  `updated_at` datetime,
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `user_id` varchar(255),
  `project_id` varchar(255),
  `uuid` varchar(36) NOT NULL,
  `name` varchar(255),
  PRIMARY KEY (`id`),
  UNIQUE KEY `uniq_instance_groups0uuid` (`uuid`)
) ENGINE=InnoDB;
CREATE TABLE `instance_group_member` (
  `created_at` datetime,
  `updated_at` datetime,
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `instance_uuid` varchar(255),
  `group_id` int(11) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `group_id` (`group_id`),
  KEY `instance_group_member_instance_idx` (`instance_uuid`),
  CONSTRAINT `instance_group_member_ibfk_1` FOREIGN KEY (`group_id`) REFERENCES `instance_groups` (`id`)
) ENGINE=InnoDB;
CREATE TABLE `instance_group_policy` (
  `created_at` datetime,
  `updated_at` datetime,
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `policy` varchar(255),
  `group_id` int(11) NOT NULL,
  `rules` text,
  PRIMARY KEY (`id`),
  KEY `group_id` (`group_id`),
  KEY `instance_group_policy_policy_idx` (`policy`),
  CONSTRAINT `instance_group_policy_ibfk_1` FOREIGN KEY (`group_id`) REFERENCES `instance_groups` (`id`)
) ENGINE=InnoDB;
